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

// Query rows [first, first + rows) of a segment.
struct Piece {
  size_t segment;
  int64_t first;
  int64_t rows;
};

// Three segments that see the same two blocks, one of them a third.
struct Together {
  Together(int64_t width_, int64_t heads_) : width(width_), heads(heads_) {
    for (size_t i = 0; i < counts.size(); ++i) {
      const int64_t slots = stored_keys(counts[i]);
      keys.push_back(random_values(slots * width, static_cast<uint32_t>(31 + i), 2.0f));
      values.push_back(random_values(slots * padded_width(width), static_cast<uint32_t>(41 + i)));
      blocks.push_back({.keys = keys[i].data(), .values = values[i].data(), .count = counts[i]});
    }
    for (uint32_t s = 0; s < 3; ++s) queries.push_back(random_values(40 * heads * width, 51 + s));
  }

  // What the pieces see: blocks 0 and 1, of segment 2 block 2, and of segment s block 3 + s as its own.
  std::vector<float> attend(const KernelTable& table, size_t shared, const std::vector<Piece>& pieces) const {
    std::vector<QueryRows> parts;
    std::vector<float> rows;
    for (const Piece& piece : pieces) {
      const std::span<const KeyBlock> context(blocks.data(), piece.segment == 2 ? 3 : 2);
      parts.push_back({piece.rows, piece.first, context.subspan(shared), blocks[3 + piece.segment]});
      const float* begin = queries[piece.segment].data() + piece.first * width;
      rows.insert(rows.end(), begin, begin + piece.rows * width);
    }
    std::vector<float> out(rows.size());
    std::vector<float> scratch(static_cast<size_t>(attend_scratch(width)));
    table.attend({.queries = rows.data(),
                  .head_width = width,
                  .heads = heads,
                  .rules = {},
                  .shared = {blocks.data(), shared},
                  .parts = parts,
                  .out = out.data(),
                  .scratch = scratch.data()});
    return out;
  }

  int64_t width;
  int64_t heads;
  std::vector<int64_t> counts{32, 150, 16, 40, 40, 90};
  std::vector<std::vector<float>> keys, values, queries;
  std::vector<KeyBlock> blocks;
};

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
  for (int64_t rows = 1; rows <= 30; ++rows) {
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
  expect_within_bounds(table(), {64, 24, 700, {{0, 130}, {192, 321}}, 384, 0, 64});
}

// Positions are places of slots: a window hides whole blocks, whole tiles, a part of one, all but the row.
TEST_P(Attention, Windows) {
  for (const int64_t window : {1, 2, 63, 64, 65, 100, 290, 5000}) {
    for (const int64_t rows : {1, 7, 30}) {
      expect_within_bounds(table(), {24, rows, 100, {{0, 130}, {192, 321}}, 384, 0, 0, {0.0f, window}});
      expect_within_bounds(table(), {16, rows, 0, {{0, 20}, {32, 40}}, 48, 1, 3, {0.0f, window}});
    }
  }
}

TEST_P(Attention, SoftCaps) {
  for (const float cap : {1.0f, 5.0f, 50.0f}) {
    expect_within_bounds(table(), {24, 13, 100, {{0, 130}, {192, 321}}, 384, 0, 0, {cap, 0}});
    expect_within_bounds(table(), {40, 5, 3, {{0, 20}}, 32, 1, 3, {cap, 17}});
  }
}

// A row's result does not depend on the rows beside it, though they see tiles that it does not.
TEST_P(Attention, ARowAloneSeesItsWindowToTheSameBits) {
  const AttentionCase all{40, 30, 90, {{0, 130}, {192, 321}}, 384, 0, 0, {0.0f, 80}};
  const AttentionNumbers numbers = random_numbers(all, 2.0f);
  const CallResult together = attend(table(), all, numbers);
  for (const int64_t row : {0, 7, 29}) {
    AttentionCase alone = all;
    alone.rows = 1;
    alone.first_row += row;
    AttentionNumbers own = numbers;
    own.queries.assign(numbers.queries.begin() + row * all.width,
                       numbers.queries.begin() + (row + 1) * all.width);
    const std::vector<float> found = attend(table(), alone, own).values;
    EXPECT_TRUE(std::equal(found.begin(), found.end(), together.values.begin() + row * all.width)) << row;
  }
}

// Keys of chosen tokens alone stand at those tokens' positions.
TEST_P(Attention, WindowsOverKeptTokens) {
  constexpr int64_t kWidth = 16;
  const std::vector<float> queries = random_values(kWidth, 13);
  const std::vector<float> keys = random_values(kKeyTile * kWidth, 11);
  const std::vector<int32_t> tokens{0, 3, 4, 50, 51, 90};
  const KeyBlock context{.keys = keys.data(), .count = 6, .first_position = 10, .tokens = tokens.data()};
  const KeyBlock own{.keys = keys.data(), .count = 1, .first_position = 110, .place = 64};
  std::vector<float> sums(128);
  std::vector<float> scratch(static_cast<size_t>(read_scratch(kWidth, 2 * kKeyTile)));
  ReadArgs args;
  args.queries = queries.data();
  args.query_stride = args.head_width = kWidth;
  args.rows = 1;
  args.rules.window = 51;  // positions from 60 on: tokens 50 and above
  args.visible = {{&context, 1}, own, 0};
  args.attention_sum = sums.data();
  args.scratch = scratch.data();
  table().read(args);
  for (size_t key = 0; key < tokens.size(); ++key) EXPECT_EQ(sums[key] > 0.0f, tokens[key] >= 50) << key;
}

TEST_P(Attention, HiddenKeysGetNothing) {
  const AttentionCase c{64, 7, 61, {{0, 5}}, 64, 0, 0};
  const CallResult sums = read(table(), c, random_numbers(c, 1.0f));
  for (int64_t key = 0; key < c.slots(); ++key) {
    const bool visible = key < 5 || (key >= 64 && key <= 64 + 61 + 6);
    EXPECT_EQ(sums.values[static_cast<size_t>(key)] > 0.0f, visible) << "key " << key;
  }
}

// The same keys as one block, and cut into many where one strip ends: tiles of 64 and, at the end, 108 keys.
TEST_P(Attention, ManyBlocksAreAsOne) {
  for (const int64_t width : {16, 40, 64}) {
    const AttentionCase whole{width, 13, 5, {{0, 300}}, 320, 0, 0};
    const AttentionNumbers numbers = random_numbers(whole, 2.0f);
    const CallResult attended = attend(table(), whole, numbers);
    const CallResult summed = read(table(), whole, numbers);
    for (const std::vector<int64_t>& cuts : {std::vector<int64_t>{64}, {128}, {64, 128, 192}, {192}}) {
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

// Segments and heads that go together have the bits that each of them has alone.
TEST_P(Attention, SegmentsTogetherAreAsAlone) {
  for (const int64_t width : {16, 40, 64}) {
    for (const int64_t heads : {1, 3}) {
      Together together(width, heads);
      const std::vector<float> at_once = together.attend(table(), 2, {{0, 0, 13}, {1, 0, 5}, {2, 4, 21}});
      std::vector<float> alone;
      for (const Piece& piece : {Piece{0, 0, 6}, {0, 6, 7}, {1, 0, 5}, {2, 4, 1}, {2, 5, 20}}) {
        const std::vector<float> some = together.attend(table(), 0, {piece});
        alone.insert(alone.end(), some.begin(), some.end());
      }
      EXPECT_EQ(at_once, alone) << "width " << width << ", heads " << heads;
    }
  }
}

// Heads stand in turn: each sees what it would see in a call of its own.
TEST_P(Attention, HeadsOfARowSeeTheSameKeys) {
  Together three(16, 3);
  const std::vector<float> out = three.attend(table(), 2, {{0, 0, 39}});
  for (size_t head = 0; head < 3; ++head) {
    Together one(16, 1);
    one.queries[0].clear();
    std::vector<float> expected;
    for (size_t row = 0; row < 13; ++row) {
      const auto at = static_cast<std::ptrdiff_t>((row * 3 + head) * 16);
      one.queries[0].insert(one.queries[0].end(), three.queries[0].begin() + at,
                            three.queries[0].begin() + at + 16);
      expected.insert(expected.end(), out.begin() + at, out.begin() + at + 16);
    }
    EXPECT_EQ(one.attend(table(), 2, {{0, 0, 13}}), expected) << "head " << head;
  }
}

TEST_P(Attention, ARowDoesNotDependOnItsNeighbours) {
  const AttentionCase whole{64, 24, 40, {{0, 70}}, 128, 0, 0};
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
