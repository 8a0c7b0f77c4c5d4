// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/batch_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <vector>

namespace headwise {
namespace {

constexpr int64_t kMany = 1000;  // batches in a round

// Lengths between 1,000 and 9,999, in no order.
int64_t made_up_length(int64_t number) { return 1000 + number * 7919 % 9000; }

int64_t difference(BatchOrder& order, int64_t update) {
  return std::abs(made_up_length(order.number(update, 0)) - made_up_length(order.number(update, 1)));
}

TEST(BatchOrder, EveryBatchComesOnce) {
  BatchOrder order(3, kMany, 5, made_up_length);
  std::set<int64_t> numbers;
  for (int64_t update = 0; update < 64; ++update) {
    for (int64_t place = 0; place < 3; ++place) numbers.insert(order.number(update, place));
  }
  EXPECT_EQ(numbers.size(), 64U * 3);
  EXPECT_EQ(*numbers.begin(), 0);
  EXPECT_EQ(*numbers.rbegin(), 64 * 3 - 1);
}

TEST(BatchOrder, BatchesOfAnUpdateAreAboutAsLong) {
  BatchOrder order(2, kMany, 5, made_up_length);
  int64_t sorted = 0;
  int64_t drawn = 0;
  for (int64_t update = 0; update < 160; ++update) {
    sorted += difference(order, update);
    drawn += std::abs(made_up_length(2 * update) - made_up_length(2 * update + 1));
  }
  EXPECT_LT(sorted, drawn / 5);
}

// Short updates first and long ones last would be another training.
TEST(BatchOrder, UpdatesComeInAnyOrder) {
  BatchOrder order(2, kMany, 5, made_up_length);
  std::vector<int64_t> lengths;
  for (int64_t update = 0; update < 16; ++update) lengths.push_back(made_up_length(order.number(update, 0)));
  EXPECT_FALSE(std::is_sorted(lengths.begin(), lengths.end()));
  BatchOrder other(2, kMany, 6, made_up_length);
  bool same = true;
  for (int64_t update = 0; update < 16; ++update)
    same = same && order.number(update, 0) == other.number(update, 0);
  EXPECT_FALSE(same) << "another seed, the same order";
}

TEST(BatchOrder, WhoGoesOnHasTheSameOrder) {
  BatchOrder whole(2, kMany, 5, made_up_length);
  std::vector<int64_t> expected;
  for (int64_t update = 0; update < 40; ++update) expected.push_back(whole.number(update, 1));
  BatchOrder later(2, kMany, 5, made_up_length);
  for (const int64_t update : {37, 3, 20}) EXPECT_EQ(later.number(update, 1), expected[update]) << update;
}

// Three batches, three an update: each has every one of them once, as long as the others or not.
TEST(BatchOrder, NoMoreThanARoundIsSortedTogether) {
  BatchOrder order(3, 3, 5, [](int64_t number) { return 1000 + number % 3; });
  for (int64_t update = 0; update < 40; ++update) {
    std::set<int64_t> numbers;
    for (int64_t place = 0; place < 3; ++place) numbers.insert(order.number(update, place));
    EXPECT_EQ(numbers, (std::set<int64_t>{3 * update, 3 * update + 1, 3 * update + 2})) << update;
  }
}

TEST(BatchOrder, OneBatchAnUpdateStaysAsDrawn) {
  BatchOrder order(1, kMany, 5, made_up_length);
  for (int64_t update = 0; update < 40; ++update) EXPECT_EQ(order.number(update, 0), update);
}

TEST(BatchOrder, TheFrozenModelsPassCounts) {
  TrainingBatch batch{.set = "set",
                      .passages = {{.id = "1", .title = "abc", .text = "defghi"}},
                      .queries = {{"xyz", {}, {}}}};
  EXPECT_EQ(length_of(batch), 12);
  batch.frozen = 2.0;
  EXPECT_EQ(length_of(batch), 16);
}

}  // namespace
}  // namespace headwise
