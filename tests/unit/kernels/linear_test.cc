// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products straight from stored weights against sums in double precision (of packed ones: panels_test.cc),
// that preparing rows once changes nothing, and the low-rank changes of an adapter, whose bits are the
// definition's in every table.
#include "kernels/linear.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/random_values.h"

namespace headwise::kernels {
namespace {

const KernelTable* definition_table() { return available_kernels().front(); }

struct Example {
  int64_t rows, outputs, inputs;
  std::vector<float> x = random_values(kRowTile * inputs, 41);
  std::vector<float> weights = random_values(outputs * inputs, 42);

  double sum(int64_t row, int64_t output, double& size) const {
    double total = 0.0;
    size = 0.0;
    for (int64_t i = 0; i < inputs; ++i) {
      const double term = static_cast<double>(x[static_cast<size_t>(row * inputs + i)]) *
                          weights[static_cast<size_t>(output * inputs + i)];
      total += term;
      size += std::abs(term);
    }
    return total;
  }
  void expect_close(const std::vector<float>& out) const {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t output = 0; output < outputs; ++output) {
        double size = 0.0;
        const double expected = sum(row, output, size);
        // Each of n roundings is of a partial sum: n/2 units of 2^-24 of the terms' size bound any order.
        const double bound = static_cast<double>(inputs) * 0x1p-24 * size;
        ASSERT_NEAR(out[static_cast<size_t>(row * outputs + output)], expected, bound);
      }
    }
  }
  StoredLinear stored() const {
    return {.rows = [this](int64_t first, int64_t count,
                           float* out) { std::copy_n(weights.data() + first * inputs, count * inputs, out); },
            .inputs = inputs,
            .change = {}};
  }
};

TEST(Linear, RowsArePreparedOnceForAllProducts) {
  for (const KernelTable* table : available_kernels()) {
    const Linear linear(*table);
    const Example one{33, 48, 96};
    const Example other{33, 16, 96};  // the same rows, fewer outputs
    PackedLinear large, small;
    PreparedMemory memory;
    linear.pack(one.weights.data(), one.outputs, one.inputs, LinearType::kFloat32, large);
    linear.pack(other.weights.data(), other.outputs, other.inputs, LinearType::kFloat32, small);
    const PreparedRows rows =
        linear.prepare(one.x.data(), one.rows, one.inputs, LinearType::kFloat32, memory);
    std::vector<float> first(static_cast<size_t>(one.rows * one.outputs));
    std::vector<float> second(static_cast<size_t>(other.rows * other.outputs));
    linear.multiply(rows, large, first.data());
    linear.multiply(rows, small, second.data());
    one.expect_close(first);
    other.expect_close(second);
  }
}

TEST(Linear, StoredAgreesWithSumsInDoublePrecision) {
  for (const KernelTable* table : available_kernels()) {
    const Example example{19, 31, 83};
    const StoredLinear weights = example.stored();
    AlignedBuffer<float> thin;
    StoredScratch scratch;
    const StoredRows rows = prepare_stored(*table, example.x.data(), example.rows, weights, thin);
    std::vector<float> out(static_cast<size_t>(example.rows * example.outputs));
    for (int64_t first = 0; first < example.outputs; first += kStoredOutputs) {
      multiply_stored(*table, rows, weights, first, std::min(kStoredOutputs, example.outputs - first),
                      scratch, out.data() + first, example.outputs);
    }
    example.expect_close(out);
  }
}

struct Change {
  int64_t rank, outputs, inputs;
  std::vector<float> a = random_values(rank * inputs, 43);
  std::vector<float> b = random_values(outputs * rank, 44);
  LowRank low_rank() const { return {a.data(), b.data(), rank, 0.75f}; }
};

// x (W + s B A)^T and x W^T + s (x A^T) B^T are one matrix in exact numbers.
TEST(Linear, AStoredChangeIsTheChangeOfTheWeights) {
  const Example example{7, 29, 64};
  const Change change{6, example.outputs, example.inputs};
  for (const KernelTable* table : available_kernels()) {
    Example changed = example;
    table->add_low_rank(change.low_rank(), 0, changed.outputs, changed.inputs, changed.weights.data());
    StoredLinear weights = example.stored();
    weights.change = change.low_rank();
    AlignedBuffer<float> thin;
    StoredScratch scratch;
    const StoredRows rows = prepare_stored(*table, example.x.data(), example.rows, weights, thin);
    for (int64_t first = 0; first < example.outputs; first += kStoredOutputs) {
      const int64_t outputs = std::min(kStoredOutputs, example.outputs - first);
      std::vector<float> out(static_cast<size_t>(example.rows * outputs));
      multiply_stored(*table, rows, weights, first, outputs, scratch, out.data(), outputs);
      for (int64_t row = 0; row < example.rows; ++row) {
        for (int64_t o = 0; o < outputs; ++o) {
          double size = 0.0;
          const double expected = changed.sum(row, first + o, size);
          EXPECT_NEAR(out[static_cast<size_t>(row * outputs + o)], expected, 1e-5 * size) << table->name;
        }
      }
    }
  }
}

TEST(LowRank, EveryTableHasTheBitsOfTheDefinition) {
  for (const int64_t inputs : {1, 7, 8, 31, 64, 100, 576}) {
    for (const int64_t rank : {1, 3, 4, 16}) {
      const Change change{rank, 11, inputs};
      const auto start = random_values(5 * inputs, 45);
      std::vector<float> expected = start;
      definition_table()->add_low_rank(change.low_rank(), 4, 5, inputs, expected.data());
      for (const KernelTable* table : available_kernels()) {
        std::vector<float> ours = start;
        table->add_low_rank(change.low_rank(), 4, 5, inputs, ours.data());
        EXPECT_EQ(ours, expected) << table->name << " rank " << rank << " inputs " << inputs;
      }
    }
  }
}

TEST(AddScaled, EveryTableHasTheBitsOfTheDefinition) {
  for (int64_t count = 0; count < 40; ++count) {
    const auto x = random_values(count, 46);
    const auto y = random_values(count, 47);
    std::vector<float> expected = x;
    definition_table()->add_scaled(expected.data(), y.data(), 0.3f, count);
    for (const KernelTable* table : available_kernels()) {
      std::vector<float> ours = x;
      table->add_scaled(ours.data(), y.data(), 0.3f, count);
      EXPECT_EQ(ours, expected) << table->name << " " << count;
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
