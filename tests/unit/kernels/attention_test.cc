// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Attention and read-out of every instruction set against double precision, within bounds counted from their
// roundings: every head width up to two vectors, every number of rows, every remainder of a key tile in
// contexts and in the call's own segment, misaligned operands with gaps between rows; and the property
// everything else leans on, that a row's result does not depend on the rows beside it.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/attention_case.h"
#include "support/kernel_tables.h"
#include "support/random_values.h"

namespace headwise::kernels {
namespace {

std::string describe(const AttentionCase& c) {
  std::string text = "width " + std::to_string(c.width) + ", rows " + std::to_string(c.rows) +
                     ", first row " + std::to_string(c.first_row) + ", shift " + std::to_string(c.shift) +
                     ", context";
  for (const KeyRange& range : c.context) {
    text += " " + std::to_string(range.begin) + ".." + std::to_string(range.end);
  }
  return text;
}

void expect_within_bounds(const KernelTable& table, const AttentionCase& c) {
  SCOPED_TRACE(describe(c));
  // Logits of a few units, and of a few dozen: a softmax that nearly picks one key.
  for (const float deviation : {0.5f, 8.0f}) {
    const AttentionNumbers numbers = random_numbers(c, deviation);
    const auto check = [&](const char* operation, const CallResult& result,
                           const std::vector<Bounded>& expected) {
      EXPECT_FALSE(result.overrun) << operation << " wrote outside its output";
      ASSERT_EQ(result.values.size(), expected.size());
      const int64_t at = first_too_far(result.values, expected);
      if (at < 0) return;
      const auto i = static_cast<size_t>(at);
      ADD_FAILURE() << operation << ", deviation " << deviation << ", value " << at << ": "
                    << result.values[i] << ", expected " << expected[i].value << " within "
                    << expected[i].bound;
    };
    check("attend", attend(table, c, numbers), expected_attend(c, numbers, likely_rounding_bound));
    check("read", read(table, c, numbers), expected_read(c, numbers, likely_rounding_bound));
  }
}

class Attention : public EveryTable {};
INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::ValuesIn(built_tables()), table_test_name);

TEST_P(Attention, EveryWidth) {
  for (int64_t width = 1; width <= 34; ++width) {
    expect_within_bounds(table(), {width, 7, 61, {{0, 5}}, 64, width % 4, 0});
  }
  for (const int64_t width : {40, 63, 64, 65, 80, 96, 127, 128, 256}) {
    expect_within_bounds(table(), {width, 7, 61, {{0, 5}}, 64, 0, 0});
  }
}

TEST_P(Attention, EveryNumberOfRowsMisalignedAndWithGaps) {
  for (int64_t rows = 1; rows <= kQueryTile; ++rows) {
    for (const int64_t shift : {0, 1, 3})
      expect_within_bounds(table(), {64, rows, 0, {}, 0, shift, 5 * shift});
  }
}

TEST_P(Attention, EveryRemainderOfATile) {
  for (int64_t n = 1; n <= kKeyTile; ++n) {
    expect_within_bounds(table(), {16, 7, 3, {{0, n}, {64, 64 + 65 - n}}, 128, 0, 0});
    expect_within_bounds(table(), {24, 5, n, {{64, 128}}, 128, 1, 3});
    // Blocks that stand as close as they may.
    expect_within_bounds(table(), {16, 3, 2, {{16, 16 + n}, {96, 170}}, 176, 0, 0});
  }
}

TEST_P(Attention, ManyTiles) {
  expect_within_bounds(table(), {64, kQueryTile, 700, {{0, 130}, {192, 321}}, 384, 0, 64});
}

TEST_P(Attention, HiddenKeysGetNothing) {
  const AttentionCase c{64, 7, 61, {{0, 5}}, 64, 0, 0};
  const CallResult sums = read(table(), c, random_numbers(c, 1.0f));
  for (int64_t key = 0; key < c.slots(); ++key) {
    const bool visible = key < 5 || (key >= 64 && key <= 64 + 61 + 6);
    EXPECT_EQ(sums.values[static_cast<size_t>(key)] > 0.0f, visible) << "key " << key;
  }
}

// The same keys as one block, and cut at tile borders into many.
TEST_P(Attention, ManyBlocksAreAsOne) {
  for (const int64_t width : {16, 40, 64}) {
    const AttentionCase whole{width, 13, 5, {{0, 300}}, 320, 0, 0};
    const AttentionNumbers numbers = random_numbers(whole, 2.0f);
    const CallResult attended = attend(table(), whole, numbers);
    const CallResult summed = read(table(), whole, numbers);
    for (const std::vector<int64_t>& cuts :
         {std::vector<int64_t>{64}, {128, 256}, {64, 128, 192, 256}, {192}}) {
      AttentionCase cut = whole;
      cut.context.clear();
      int64_t begin = 0;
      for (const int64_t end : cuts) {
        cut.context.push_back({begin, end});
        begin = end;
      }
      cut.context.push_back({begin, 300});
      EXPECT_EQ(attend(table(), cut, numbers).values, attended.values) << describe(cut);
      EXPECT_EQ(read(table(), cut, numbers).values, summed.values) << describe(cut);
    }
  }
}

// A block in memory of its own changes nothing but where its sums go, which it says itself.
TEST_P(Attention, BlocksMayStandAnywhere) {
  constexpr int64_t kWidth = 64;
  const std::vector<float> queries = random_values(7 * kWidth, 13);
  const std::vector<float> own = random_values(kKeyTile * kWidth, 11);
  const std::vector<float> seen = random_values(2 * kKeyTile * kWidth, 12);
  std::vector<float> together = seen;
  together.insert(together.end(), own.begin(), own.end());
  const auto sums = [&](const KeyBlock& context, const KeyBlock& of_rows) {
    std::vector<float> all(1024, 0.0f);
    std::vector<float> scratch(static_cast<size_t>(read_scratch(kWidth, 3 * kKeyTile)));
    ReadArgs args;
    args.queries = queries.data();
    args.query_stride = args.head_width = kWidth;
    args.rows = 7;
    args.visible = {{&context, 1}, of_rows, 3};
    args.attention_sum = all.data();
    args.scratch = scratch.data();
    table().read(args);
    return all;
  };
  KeyBlock context{.keys = together.data(), .values = nullptr, .count = 70};
  KeyBlock of_rows{.keys = together.data() + 128 * kWidth, .values = nullptr, .count = 10, .place = 128};
  const std::vector<float> expected = sums(context, of_rows);
  context.keys = seen.data();
  context.place = 512;
  context.first_position = 9;
  of_rows.keys = own.data();
  const std::vector<float> found = sums(context, of_rows);
  for (size_t key = 0; key < 70; ++key) EXPECT_EQ(found[512 + key], expected[key]);
  for (size_t key = 128; key < 138; ++key) EXPECT_EQ(found[key], expected[key]);
}

TEST_P(Attention, ARowDoesNotDependOnItsNeighbours) {
  const AttentionCase whole{64, kQueryTile, 40, {{0, 70}}, 128, 0, 0};
  const AttentionNumbers numbers = random_numbers(whole, 2.0f);
  const CallResult together = attend(table(), whole, numbers);
  for (int64_t first = 0; first < whole.rows; first += 5) {
    for (const int64_t rows : {1, 3, 4}) {
      AttentionCase part = whole;
      part.first_row += first;
      part.rows = std::min(rows, whole.rows - first);
      AttentionNumbers some = numbers;
      some.queries.assign(numbers.queries.begin() + first * whole.width,
                          numbers.queries.begin() + (first + part.rows) * whole.width);
      const CallResult alone = attend(table(), part, some);
      for (size_t i = 0; i < alone.values.size(); ++i) {
        ASSERT_EQ(alone.values[i], together.values[static_cast<size_t>(first * whole.width) + i])
            << "row " << first;
      }
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
