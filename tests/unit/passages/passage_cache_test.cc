// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/passage_cache.h"

#include <gtest/gtest.h>

#include "support/fake_segment.h"

namespace headwise {
namespace {

using testing::FakeSegment;
using testing::made_up_tokens;

KeptContext context_of(const std::string& model) {
  KeptContext context;
  context.model = model;
  context.wording = "blocks";
  context.prefix = {5, 6, 7};
  context.decoder = {"cpu", "fp32", "scalar"};
  return context;
}

std::shared_ptr<PassageCache> open_cache(const KeepOptions& options, const std::string& model) {
  auto cache = PassageCache::open(options, context_of(model), &FakeSegment::read);
  EXPECT_TRUE(cache) << cache.error().to_string();
  return *cache;
}

struct Request {
  std::vector<std::vector<int32_t>> tokens;
  std::vector<std::span<const int32_t>> slots;
  std::vector<KeptPtr> segments;

  explicit Request(std::initializer_list<int> numbers) {
    for (const int number : numbers) tokens.push_back(made_up_tokens(number));
    for (const auto& ids : tokens) {
      slots.push_back(ids);
      segments.push_back(FakeSegment::make(ids, 1000, 3));
    }
  }
};

TEST(PassageCache, KeepsAndFinds) {
  const auto cache = open_cache({.memory = 1 << 20}, "keeps");
  const Request request({1, 2, 3});
  EXPECT_EQ(cache->find(request.slots), std::vector<KeptPtr>(3));
  cache->keep(request.slots, std::vector<KeptPtr>{request.segments[0], nullptr, request.segments[2]});
  EXPECT_EQ(cache->find(request.slots),
            (std::vector<KeptPtr>{request.segments[0], nullptr, request.segments[2]}));
  EXPECT_EQ(cache->exists(request.slots), (std::vector<bool>{true, false, true}));
  const KeepStatistics now = cache->statistics();
  EXPECT_EQ(now.hits, 2U);
  EXPECT_EQ(now.misses, 4U);
  EXPECT_EQ(now.passages, 2U);
  EXPECT_EQ(now.store_hits, 0U);
  EXPECT_EQ(cache->room(), 1U << 20);
}

TEST(PassageCache, ThePrefixHasANameOfItsOwn) {
  const auto cache = open_cache({.memory = 1 << 20}, "prefix");
  const auto prefix = FakeSegment::make(cache->context().prefix, 1000, 0);
  EXPECT_EQ(cache->find_prefix(), nullptr);
  cache->keep_prefix(prefix);
  EXPECT_EQ(cache->find_prefix(), prefix);
  const std::vector<std::span<const int32_t>> same = {cache->context().prefix};
  EXPECT_EQ(cache->find(same)[0], nullptr) << "a passage of the prefix's tokens stands elsewhere";
  EXPECT_EQ(cache->statistics().hits, 0U) << "not counted";
}

TEST(PassageCache, MemoryIsSharedByModelNotByContext) {
  const auto one = open_cache({.memory = 1 << 20}, "shared");
  const auto two = open_cache({.memory = 2 << 20}, "shared");
  const auto other = open_cache({.memory = 1 << 20}, "another model");
  auto context = context_of("shared");
  context.prefix = {5, 6, 8};
  const auto reworded = *PassageCache::open({.memory = 1 << 20}, context, &FakeSegment::read);
  EXPECT_EQ(one->room(), 2U << 20) << "the largest asked for";
  const Request request({4});
  one->keep(request.slots, request.segments);
  EXPECT_EQ(two->find(request.slots), request.segments);
  EXPECT_EQ(other->find(request.slots)[0], nullptr);
  EXPECT_EQ(reworded->find(request.slots)[0], nullptr);
  EXPECT_EQ(two->statistics().passages, 1U);
  EXPECT_EQ(two->statistics().misses, 1U) << "counts are of all that share the memory";
}

TEST(PassageCache, MemoryGoesWithItsLastUser) {
  const Request request({4});
  {
    const auto cache = open_cache({.memory = 1 << 20}, "goes");
    cache->keep(request.slots, request.segments);
  }
  const auto cache = open_cache({.memory = 1 << 20}, "goes");
  EXPECT_EQ(cache->find(request.slots)[0], nullptr);
  EXPECT_EQ(request.segments[0].use_count(), 1);
}

TEST(PassageCache, WithoutMemoryNothingIsKept) {
  const auto cache = open_cache({}, "nothing");
  const Request request({4});
  cache->keep(request.slots, request.segments);
  EXPECT_EQ(cache->find(request.slots)[0], nullptr);
  EXPECT_EQ(cache->room(), 0U);
}

TEST(PassageCache, WhatStandsElsewhereIsNotGiven) {
  const auto cache = open_cache({.memory = 1 << 20}, "elsewhere");
  const Request request({4});
  const auto misplaced = FakeSegment::make(request.tokens[0], 1000, 4);
  cache->keep(request.slots, std::vector<KeptPtr>{misplaced});
  EXPECT_EQ(cache->find(request.slots)[0], nullptr);
  const auto shorter = FakeSegment::make(std::span(request.tokens[0]).first(1), 1000, 3);
  cache->keep(request.slots, std::vector<KeptPtr>{shorter});
  EXPECT_EQ(cache->find(request.slots)[0], nullptr);
  EXPECT_EQ(cache->statistics().misses, 2U);
}

}  // namespace
}  // namespace headwise
