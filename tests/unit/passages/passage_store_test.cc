// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/passage_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <random>
#include <thread>

#include "passages/passage_cache.h"
#include "support/made_up_store.h"

namespace headwise::testing {
namespace {

using ::testing::HasSubstr;

using PassageStoreTest = StoreTest;

TEST_F(PassageStoreTest, KeepsWhatItWasGivenInPlaceAndAfterwards) {
  const MadeUpPassage one(1);
  {
    const auto store = open();
    EXPECT_FALSE(has(*store, 1));
    put(*store, one);
    put(*store, 2, 300000);
    EXPECT_TRUE(has(*store, 1));
    EXPECT_EQ(store->statistics().hits, 1U);
    EXPECT_EQ(store->statistics().misses, 1U);
    EXPECT_EQ(store->statistics().passages, 2U);
    EXPECT_EQ(store->statistics().errors, 0U);
  }
  const auto store = open();
  EXPECT_TRUE(has(*store, 1));
  EXPECT_TRUE(has(*store, 2));
  EXPECT_FALSE(has(*store, 3));
  const KeptPtr found = store->get({&one.slot, 1})[0];
  EXPECT_EQ(reinterpret_cast<uintptr_t>(found->image().data()) % 64, 0U);
  EXPECT_EQ(store->exists(std::vector<KeptSlot>{one.slot}), std::vector<bool>{true});
  const auto info = store->info();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->passages, 2U);
  EXPECT_EQ(info->segments, 1U);
  EXPECT_EQ(info->dead_bytes, 0U);
  EXPECT_EQ(info->bytes, std::filesystem::file_size(segment_files()[0]));
  EXPECT_EQ(info->manifest["model"], "made up");
}

TEST_F(PassageStoreTest, OneObjectOfAProcessForAFolder) {
  const auto one = open();
  const auto two = open();
  EXPECT_EQ(one, two);
}

TEST_F(PassageStoreTest, PutTwiceIsKeptOnce) {
  const auto store = open();
  put(*store, 1);
  const uint64_t bytes = store->statistics().bytes;
  put(*store, 1);
  const MadeUpPassage two(2);
  store->put(std::vector<KeptSlot>{two.slot, two.slot}, std::vector<KeptPtr>{two.segment, two.segment});
  EXPECT_EQ(store->statistics().bytes, 2 * bytes);
  EXPECT_EQ(store->statistics().passages, 2U);
}

TEST_F(PassageStoreTest, AKeyAloneIsNotEnough) {
  const auto store = open();
  const MadeUpPassage one(1);
  put(*store, one);
  const std::vector<int32_t> other = {9, 9};
  const KeptSlot forged{one.slot.key, other};
  EXPECT_EQ(store->get({&forged, 1})[0], nullptr);
  EXPECT_TRUE(has(*store, 1));
  EXPECT_EQ(store->statistics().errors, 0U);
}

TEST_F(PassageStoreTest, AnotherContextIsNamed) {
  open();
  auto context = made_up_context("other");
  const auto other = PassageStore::open(folder, context, options());
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(other.error().message(), HasSubstr("model: the store has 'made up', this engine 'other'"));
  const auto kept = open();
  EXPECT_FALSE(PassageStore::open(folder, context, options())) << "nor while it is open";
}

TEST_F(PassageStoreTest, AFolderOfSomethingElseIsRefused) {
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "thesis.tex") << "x";
  const auto store = PassageStore::open(folder, made_up_context(), options());
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message(), HasSubstr("thesis.tex"));
  EXPECT_EQ(PassageStore::open(folder / "missing").error().code(), ErrorCode::kNotFound);
}

TEST_F(PassageStoreTest, TheOldestSegmentsGoFirst) {
  constexpr uint64_t kBound = 1 << 20;
  const auto store = open(kBound, 64 << 10);
  for (int number = 0; number < 1000; ++number) {
    put(*store, number);  // a page each
    ASSERT_LE(store->statistics().bytes, kBound);
  }
  EXPECT_FALSE(has(*store, 0));
  EXPECT_EQ(count(*store, 1000 - 240, 1000), 240);
  EXPECT_GT(store->statistics().evictions, 700U);
  uint64_t on_disk = 0;
  for (const auto& file : segment_files()) on_disk += std::filesystem::file_size(file);
  EXPECT_LE(on_disk, kBound);
  put(*store, 5000, 2 * kBound);
  EXPECT_FALSE(has(*store, 5000)) << "larger than all of it";
  EXPECT_TRUE(has(*store, 999));
}

TEST_F(PassageStoreTest, WhatIsReadOutlivesItsFile) {
  const auto store = open(8 * 4096, 4096);
  const MadeUpPassage one(1);
  put(*store, one);
  const KeptPtr used = store->get({&one.slot, 1})[0];
  for (int number = 2; number < 40; ++number) put(*store, number);
  EXPECT_FALSE(has(*store, 1));
  EXPECT_TRUE(FakeSegment::right(*used, one.tokens));
}

TEST_F(PassageStoreTest, ARecordLargerThanASegmentHasOneOfItsOwn) {
  const auto store = open(0, 64 << 10);
  put(*store, 1);
  put(*store, 2, 1 << 20);
  put(*store, 3);
  EXPECT_EQ(count(*store, 1, 4), 3);
  EXPECT_EQ(segment_files().size(), 3U);
}

TEST_F(PassageStoreTest, CompactGivesBackWhatIsDead) {
  const auto store = open(0, 64 << 10);
  for (int number = 0; number < 50; ++number) put(*store, number);
  // Every other passage of the first segment is damaged, found out, and kept again.
  const auto first = segment_files()[0];
  for (int page = 0; page < 16; page += 2) {
    std::fstream file(first, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(page * 4096 + 500);
    file.put('!');
  }
  EXPECT_EQ(count(*store, 0, 50), 42);
  EXPECT_EQ(store->statistics().errors, 8U);
  EXPECT_THAT(store->statistics().last_error, HasSubstr("00000001.kept"));
  for (int number = 0; number < 16; number += 2) put(*store, number);
  EXPECT_EQ(store->info()->dead_bytes, 8U * 4096);
  const auto given_back = store->compact(nullptr);
  ASSERT_TRUE(given_back) << given_back.error().to_string();
  EXPECT_EQ(*given_back, 8U * 4096);
  EXPECT_EQ(store->info()->dead_bytes, 0U);
  EXPECT_EQ(count(*store, 0, 50), 50);
  EXPECT_FALSE(std::filesystem::exists(first));
  EXPECT_EQ(store->verify(nullptr)->passages, 50U);
  EXPECT_EQ(*store->compact(nullptr), 0U);
}

TEST_F(PassageStoreTest, VerifyNamesWhatIsDamaged) {
  const auto store = open();
  for (int number = 0; number < 10; ++number) put(*store, number);
  std::fstream(segment_files()[0], std::ios::in | std::ios::out | std::ios::binary)
      .seekp(3 * 4096 + 700)
      .put('!');
  const auto check = store->verify(nullptr);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->passages, 9U);
  ASSERT_EQ(check->damage.size(), 1U);
  EXPECT_EQ(check->damage[0].segment, "00000001.kept");
  EXPECT_EQ(check->damage[0].offset, 3U * 4096);
  EXPECT_THAT(check->damage[0].what, HasSubstr("checksum"));
}

TEST_F(PassageStoreTest, WhatIsReadAheadIsCheckedMeanwhile) {
  {
    const auto store = open();
    for (int number = 0; number < 10; ++number) put(*store, number);
  }
  std::fstream(segment_files()[0], std::ios::in | std::ios::out | std::ios::binary)
      .seekp(3 * 4096 + 700)
      .put('!');
  const auto store = open();
  const MadeUpPassage damaged(3);
  // Nobody asks intact().
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store->get({&damaged.slot, 1})[0] != nullptr && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(store->get({&damaged.slot, 1})[0], nullptr);
  EXPECT_THAT(store->statistics().last_error, HasSubstr("checksum"));
  EXPECT_EQ(count(*store, 0, 10), 9);
}

TEST_F(PassageStoreTest, DropLeavesNothing) {
  const auto store = open();
  put(*store, 1);
  ASSERT_TRUE(store->drop());
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_FALSE(has(*store, 1));
  put(*store, 2);
  EXPECT_THAT(store->statistics().last_error, HasSubstr("dropped"));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(PassageStoreTest, TheCacheAsksItAfterMemory) {
  const KeepOptions keep{.memory = 1 << 20, .store = folder.string()};
  const auto tokens = made_up_tokens(1);
  const std::vector<std::span<const int32_t>> slots = {tokens};
  const auto prefix = FakeSegment::make(made_up_context().prefix, 100, 0);
  {
    const auto cache = *PassageCache::open(keep, made_up_context(), &FakeSegment::read);
    cache->keep(slots, std::vector<KeptPtr>{FakeSegment::make(tokens, 1000, 3)});
    cache->keep_prefix(prefix);
    EXPECT_NE(cache->find(slots)[0], nullptr);
    EXPECT_EQ(cache->statistics().hits, 1U);
    EXPECT_EQ(cache->statistics().store_hits, 0U);
  }
  const auto cache = *PassageCache::open(keep, made_up_context(), &FakeSegment::read);
  EXPECT_EQ(cache->exists(slots), std::vector<bool>{true});
  EXPECT_TRUE(FakeSegment::right(*cache->find(slots)[0], tokens));
  EXPECT_TRUE(FakeSegment::right(*cache->find_prefix(), made_up_context().prefix));
  EXPECT_EQ(cache->statistics().store_hits, 1U);
  EXPECT_EQ(cache->statistics().passages, 0U) << "its pages are memory already";
}

TEST_F(PassageStoreTest, AtSecondSight) {
  const KeepOptions keep{.memory = 1 << 20, .store = folder.string(), .second_sight = true};
  const auto cache = *PassageCache::open(keep, made_up_context(), &FakeSegment::read);
  const auto once = made_up_tokens(1), twice = made_up_tokens(2);
  const std::vector<std::span<const int32_t>> both = {once, twice};
  cache->keep(both,
              std::vector<KeptPtr>{FakeSegment::make(once, 1000, 3), FakeSegment::make(twice, 1000, 3)});
  EXPECT_EQ(cache->exists(both), (std::vector<bool>{false, false}));
  cache->find(std::vector<std::span<const int32_t>>{twice});
  EXPECT_EQ(cache->exists(both), (std::vector<bool>{false, true}));
}

// Random gets and puts against a set: what the store has, it was given, and with no bound it has all of it.
TEST_F(PassageStoreTest, AgainstAModel) {
  std::set<int> model;
  std::mt19937 random(5);
  auto store = open(0, 128 << 10);
  for (int step = 0; step < 3000; ++step) {
    const int number = static_cast<int>(random() % 400);
    switch (random() % 8) {
      case 0:
        store.reset();
        store = open(0, 128 << 10);
        break;
      case 1:
      case 2:
      case 3:
        put(*store, number, random() % 20000);
        model.insert(number);
        break;
      default:
        ASSERT_EQ(has(*store, number), model.contains(number)) << "step " << step;
    }
  }
  EXPECT_EQ(store->statistics().passages, model.size());
  EXPECT_EQ(store->statistics().errors, 0U);
  ASSERT_TRUE(store->rebuild());
  EXPECT_EQ(store->statistics().passages, model.size());
  for (int number = 0; number < 400; ++number) EXPECT_EQ(has(*store, number), model.contains(number));
}

TEST_F(PassageStoreTest, ManyThreads) {
  const auto store = open(2 << 20, 128 << 10);
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int step = 0; step < 500; ++step) {
        const int number = static_cast<int>(random() % 700);
        if (has(*store, number)) {
          ++found;
        } else {
          put(*store, number);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(found, 100);
  EXPECT_EQ(store->statistics().errors, 0U) << store->statistics().last_error;
}

}  // namespace
}  // namespace headwise::testing
