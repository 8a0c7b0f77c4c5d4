// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products on packed weights, of every instruction set: against double precision, within the bound of their
// sums; the same bits for a row and a column wherever they stand and whatever is beside them, and in all
// tables with fused multiply-adds; and nothing written outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kernels/linear.h"
#include "support/kernel_reference.h"
#include "support/kernel_tables.h"
#include "support/random_values.h"

namespace headwise::kernels {
namespace {

constexpr float kBeyond = 12345.0f;

struct Size {
  int64_t outputs;
  int64_t inputs;
};
constexpr Size kSizes[] = {{64, 576}, {576, 1536}, {1536, 576}, {48, 96},
                           {16, 64},  {80, 200},   {1, 1},      {67, 37}};

struct PackedExample {
  PackedExample(Size of, const KernelTable& table) : size(of), linear(table) {
    linear.pack(weights.data(), of.outputs, of.inputs, LinearType::kFloat32, packed);
  }
  std::vector<float> multiply(int64_t rows) const { return multiply(0, rows, {0, size.outputs}); }
  // Some of the outputs are multiplied with others to come, all of them with none.
  std::vector<float> multiply(int64_t first_row, int64_t rows, OutputRange range) const {
    const auto next = range.count < size.outputs ? packed.panel(0) : std::span<const std::byte>();
    const auto values = static_cast<size_t>(rows * range.count);
    std::vector<float> out(values + 64, kBeyond);
    PreparedMemory memory;
    linear.multiply(
        linear.prepare(x.data() + first_row * size.inputs, rows, size.inputs, LinearType::kFloat32, memory),
        packed, range, out.data(), next);
    for (size_t i = values; i < out.size(); ++i) EXPECT_EQ(out[i], kBeyond);
    out.resize(values);
    return out;
  }

  Size size;
  Linear linear;
  std::vector<float> weights = random_values(size.outputs * size.inputs, 21);
  std::vector<float> x = random_values(kRowTile * size.inputs, 22);
  PackedLinear packed;
};

class MultiplyPanels : public EveryTable {};
INSTANTIATE_TEST_SUITE_P(Isa, MultiplyPanels, testing::ValuesIn(built_tables()), table_test_name);

TEST_P(MultiplyPanels, AgreesWithSumsInDoublePrecision) {
  for (const Size size : kSizes) {
    const PackedExample example(size, table());
    EXPECT_EQ(example.packed.outputs(), size.outputs);
    EXPECT_EQ(example.packed.inputs(), size.inputs);
    for (const int64_t rows : {1, 5, 6, 7, 16, 33, 64}) {
      const auto expected = expected_multiply_rows({.x = example.x.data(),
                                                    .x_stride = size.inputs,
                                                    .rows = rows,
                                                    .weights = example.weights.data(),
                                                    .outputs = size.outputs,
                                                    .inputs = size.inputs},
                                                   likely_rounding_bound);
      ASSERT_EQ(first_too_far(example.multiply(rows), expected), -1)
          << rows << " rows, " << size.outputs << " x " << size.inputs;
    }
  }
}

TEST_P(MultiplyPanels, ARowsBitsDependOnTheRowAlone) {
  for (const Size size : kSizes) {
    const PackedExample example(size, table());
    const std::vector<float> whole = example.multiply(kRowTile);
    for (int64_t rows = 1; rows < kRowTile; ++rows) {
      const int64_t first = (kRowTile - rows) / 2;
      const std::vector<float> found = example.multiply(first, rows, {0, size.outputs});
      ASSERT_TRUE(std::equal(found.begin(), found.end(), whole.begin() + first * size.outputs))
          << rows << " rows of " << size.inputs;
    }
  }
}

// Some outputs alone are what they are among the others, at any number of rows.
TEST_P(MultiplyPanels, AColumnsBitsDependOnTheColumnAlone) {
  for (const Size size : {Size{576, 1536}, {1536, 576}, {64, 64}, {131, 96}, {320, 200}}) {
    const PackedExample example(size, table());
    for (const int64_t rows : {1, 6, 13, 40, 64}) {
      const std::vector<float> whole = example.multiply(rows);
      for (const int64_t columns :
           {int64_t{1}, int64_t{16}, kColumnGrain, kColumnGrain + 1, 4 * kColumnGrain}) {
        if (columns > size.outputs) continue;
        const int64_t first = (size.outputs - columns) / kColumnGrain * kColumnGrain;
        const std::vector<float> found = example.multiply(0, rows, {first, columns});
        for (int64_t i = 0; i < rows * columns; ++i) {
          ASSERT_EQ(found[static_cast<size_t>(i)],
                    whole[static_cast<size_t>(i / columns * size.outputs + first + i % columns)])
              << rows << " rows, " << columns << " columns of " << size.outputs << " x " << size.inputs;
        }
      }
    }
  }
}

TEST_P(MultiplyPanels, MemoryIsUsedAgain) {
  PackedExample example({67, 37}, table());
  const std::vector<float> before = example.multiply(9);
  const auto larger = random_values(130 * 90, 23);
  example.linear.pack(larger.data(), 130, 90, LinearType::kFloat32, example.packed);
  example.linear.pack(example.weights.data(), 67, 37, LinearType::kFloat32, example.packed);
  EXPECT_EQ(example.multiply(9), before);
}

TEST(MultiplyPanelsOfAllTables, FusedSumsHaveTheSameBits) {
  for (const Size size : kSizes) {
    std::vector<std::vector<float>> found;
    for (const KernelTable* table : available_kernels()) {
      if (table->name != "scalar") found.push_back(PackedExample(size, *table).multiply(kRowTile));
    }
    for (size_t i = 1; i < found.size(); ++i) EXPECT_EQ(found[i], found.front()) << size.outputs;
  }
}

}  // namespace
}  // namespace headwise::kernels
