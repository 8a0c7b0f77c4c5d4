// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/memory_tier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <thread>

#include "support/fake_segment.h"

namespace headwise {
namespace {

using testing::FakeSegment;
using testing::made_up_tokens;

constexpr size_t kBytes = 4096;

struct Passage {
  std::vector<int32_t> tokens;
  KeptSlot slot;
  KeptPtr segment;

  explicit Passage(int number, size_t bytes = kBytes)
      : tokens(made_up_tokens(number)),
        slot{passage_key("test", tokens), tokens},
        segment(FakeSegment::make(tokens, bytes)) {}
};

void put(MemoryTier& tier, const Passage& passage) { tier.put({&passage.slot, 1}, {&passage.segment, 1}); }
KeptPtr get(MemoryTier& tier, const Passage& passage) { return tier.get({&passage.slot, 1})[0]; }
bool has(MemoryTier& tier, const Passage& passage) { return tier.exists({&passage.slot, 1})[0]; }

TEST(MemoryTier, GivesBackWhatWasPut) {
  MemoryTier tier(1 << 20);
  const Passage one(1);
  const Passage two(2);
  put(tier, one);
  const std::vector<KeptSlot> slots = {two.slot, one.slot};
  EXPECT_EQ(tier.get(slots), (std::vector<KeptPtr>{nullptr, one.segment}));
  EXPECT_EQ(tier.exists(slots), (std::vector<bool>{false, true}));
  const TierStatistics now = tier.statistics();
  EXPECT_EQ(now.hits, 1U);
  EXPECT_EQ(now.misses, 1U) << "exists() counts nothing";
  EXPECT_EQ(now.passages, 1U);
  EXPECT_GE(now.bytes, kBytes);
}

TEST(MemoryTier, AKeyAloneIsNotEnough) {
  MemoryTier tier(1 << 20);
  const Passage one(1);
  put(tier, one);
  const std::vector<int32_t> other = {9, 9};
  const KeptSlot forged{one.slot.key, other};
  EXPECT_EQ(tier.get({&forged, 1})[0], nullptr);
  EXPECT_FALSE(tier.exists({&forged, 1})[0]);
}

TEST(MemoryTier, WhatWasUsedLongestAgoGoesFirst) {
  const Passage a(12), b(24), c(36), d(48);  // of one length
  MemoryTier tier(3 * (kBytes + 500));
  put(tier, a);
  put(tier, b);
  put(tier, c);
  EXPECT_NE(get(tier, a), nullptr);
  put(tier, d);
  EXPECT_TRUE(has(tier, a));
  EXPECT_FALSE(has(tier, b));
  EXPECT_TRUE(has(tier, c));
  EXPECT_TRUE(has(tier, d));
  EXPECT_EQ(tier.statistics().evictions, 1U);
}

TEST(MemoryTier, WhatIsInUseOutlivesItsEntry) {
  MemoryTier tier(kBytes + 500);
  KeptPtr used;
  {
    Passage a(1);
    put(tier, a);
    used = get(tier, a);
  }
  put(tier, Passage(2));
  EXPECT_EQ(tier.statistics().evictions, 1U);
  EXPECT_TRUE(FakeSegment::right(*used, made_up_tokens(1)));
}

TEST(MemoryTier, AnEntryAboveTheBoundIsNotTaken) {
  MemoryTier tier(2 * kBytes);
  const Passage small(1);
  const Passage large(2, 3 * kBytes);
  put(tier, small);
  put(tier, large);
  EXPECT_TRUE(has(tier, small)) << "nothing goes for what finds no room";
  EXPECT_FALSE(has(tier, large));
  tier.raise_bound(8 * kBytes);
  tier.raise_bound(kBytes);
  EXPECT_EQ(tier.bound(), 8 * kBytes);
  put(tier, large);
  EXPECT_TRUE(has(tier, large));
}

TEST(MemoryTier, PutAgainCountsOnce) {
  MemoryTier tier(1 << 20);
  const Passage once(3);
  const Passage again(3);
  put(tier, once);
  const TierStatistics before = tier.statistics();
  put(tier, again);
  EXPECT_EQ(tier.statistics().bytes, before.bytes);
  EXPECT_EQ(tier.statistics().passages, 1U);
  EXPECT_EQ(get(tier, once), again.segment);
}

// A stream of ten times as many passages as have room: bytes within the bound, and hit for hit what a list
// with the same bound finds.
TEST(MemoryTier, IsLeastRecentlyUsedOverALongStream) {
  constexpr int kRoom = 50;
  const Passage any(11);
  MemoryTier probe(1 << 20);
  put(probe, any);
  const uint64_t each = probe.statistics().bytes;
  MemoryTier tier(kRoom * each);
  std::deque<int> list;  // used last, first
  std::mt19937 random(7);
  std::geometric_distribution<int> popular(1.0 / (5 * kRoom));
  for (int step = 0; step < 20000; ++step) {
    const int number = 12 * (popular(random) % (10 * kRoom)) + 11;  // twelve tokens each
    const Passage passage(number);
    const auto place = std::find(list.begin(), list.end(), number);
    const KeptPtr found = get(tier, passage);
    ASSERT_EQ(found != nullptr, place != list.end()) << "step " << step;
    if (found != nullptr) {
      ASSERT_TRUE(FakeSegment::right(*found, passage.tokens));
      list.erase(place);
    } else {
      put(tier, passage);
      if (list.size() == kRoom) list.pop_back();
    }
    list.push_front(number);
    ASSERT_LE(tier.statistics().bytes, kRoom * each);
  }
  EXPECT_GT(tier.statistics().hits, 1000U);
  EXPECT_GT(tier.statistics().evictions, 10000U);
}

TEST(MemoryTier, ManyThreads) {
  MemoryTier tier(20 * (kBytes + 500));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int step = 0; step < 2000; ++step) {
        const Passage passage(static_cast<int>(random() % 60));
        const KeptPtr found = get(tier, passage);
        if (found == nullptr) {
          put(tier, passage);
        } else if (!FakeSegment::right(*found, passage.tokens)) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const TierStatistics now = tier.statistics();
  EXPECT_EQ(now.hits + now.misses, 8000U);
  EXPECT_LE(now.bytes, 20 * (kBytes + 500));
}

}  // namespace
}  // namespace headwise
