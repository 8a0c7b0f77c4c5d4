// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of bf16 and int8, of every instruction set that has them: the bits of the definition over sizes
// and remainders, wherever a row or a column stands; the definition itself against its formula; zeros,
// numbers that no type holds, and nothing written outside.
#include "kernels/reduced.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/linear.h"
#include "support/random_values.h"

namespace headwise::kernels {
namespace {

constexpr float kNothingWritten = 12345.0f;
constexpr LinearType kReduced[] = {LinearType::kBfloat16, LinearType::kInt8};

struct ReducedSize {
  int64_t outputs;
  int64_t inputs;
};
constexpr ReducedSize kReducedSizes[] = {{64, 576}, {576, 1536}, {48, 96}, {16, 64},
                                         {80, 200}, {1, 1},      {67, 37}, {130, 3}};

std::string word_of_type(LinearType type) { return type == LinearType::kInt8 ? "int8" : "bf16"; }

const KernelTable& definition_kernels() { return *available_kernels().front(); }

std::vector<const KernelTable*> tables_that_have(LinearType type) {
  std::vector<const KernelTable*> tables;
  for (const KernelTable* table : available_kernels()) {
    if (has_products(*table, type)) tables.push_back(table);
  }
  return tables;
}

struct ReducedExample {
  ReducedExample(ReducedSize of, LinearType reduced) : size(of), type(reduced) {}

  std::vector<float> multiply(const KernelTable& table, int64_t first_row, int64_t rows,
                              OutputRange range) const {
    const Linear linear(table);
    PackedLinear packed;
    PreparedMemory memory;
    linear.pack(weights.data(), size.outputs, size.inputs, type, packed);
    const auto values = static_cast<size_t>(rows * range.count);
    std::vector<float> out(values + 64, kNothingWritten);
    const PreparedRows prepared =
        linear.prepare(x.data() + first_row * size.inputs, rows, size.inputs, type, memory);
    EXPECT_EQ(prepared.finite(), finite);
    linear.multiply(prepared, packed, range, out.data());
    for (size_t i = values; i < out.size(); ++i) EXPECT_EQ(out[i], kNothingWritten);
    out.resize(values);
    return out;
  }
  std::vector<float> multiply(const KernelTable& table, int64_t rows) const {
    return multiply(table, 0, rows, {0, size.outputs});
  }

  ReducedSize size;
  LinearType type;
  bool finite = true;
  std::vector<float> weights = random_values(size.outputs * size.inputs, 51);
  std::vector<float> x = random_values(kRowTile * size.inputs, 52);
};

// By bits: -0 is not 0, and NaN is NaN.
std::vector<uint32_t> reduced_bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

TEST(Reduced, EveryTableHasTheBitsOfTheDefinition) {
  for (const LinearType type : kReduced) {
    for (const ReducedSize size : kReducedSizes) {
      const ReducedExample example(size, type);
      for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 13, 64}) {
        const auto expected = reduced_bits(example.multiply(definition_kernels(), rows));
        for (const KernelTable* table : tables_that_have(type)) {
          ASSERT_EQ(reduced_bits(example.multiply(*table, rows)), expected)
              << table->name << " " << word_of_type(type) << " " << rows << " rows, " << size.outputs << " x "
              << size.inputs;
        }
      }
    }
  }
}

TEST(Reduced, EveryRemainderOfInputsAndOutputs) {
  for (const LinearType type : kReduced) {
    for (int64_t inputs = 1; inputs <= 40; ++inputs) {
      for (const int64_t outputs : {1, 7, 8, 9, 15, 16, 17, 31, 33, 47, 49, 63, 65}) {
        const ReducedExample example({outputs, inputs}, type);
        const auto expected = reduced_bits(example.multiply(definition_kernels(), 7));
        for (const KernelTable* table : tables_that_have(type)) {
          ASSERT_EQ(reduced_bits(example.multiply(*table, 7)), expected)
              << table->name << " " << word_of_type(type) << " " << outputs << " x " << inputs;
        }
      }
    }
  }
}

TEST(Reduced, BitsDependOnTheRowAndTheColumnAlone) {
  for (const LinearType type : kReduced) {
    for (const ReducedSize size : {ReducedSize{320, 200}, {131, 96}}) {
      const ReducedExample example(size, type);
      for (const KernelTable* table : tables_that_have(type)) {
        const std::vector<float> whole = example.multiply(*table, kRowTile);
        for (const auto& [first_row, rows, first, count] :
             {std::tuple<int64_t, int64_t, int64_t, int64_t>{0, 1, 64, 64},
              {63, 1, 0, 131},
              {5, 23, 128, 3},
              {17, 6, 0, 1},
              {2, 61, 64, 67}}) {
          const std::vector<float> found = example.multiply(*table, first_row, rows, {first, count});
          for (int64_t i = 0; i < rows * count; ++i) {
            const int64_t place = (first_row + i / count) * size.outputs + first + i % count;
            ASSERT_EQ(found[static_cast<size_t>(i)], whole[static_cast<size_t>(place)])
                << table->name << " " << word_of_type(type);
          }
        }
      }
    }
  }
}

TEST(Reduced, PartsOfPreparedRowsAreThoseRows) {
  for (const LinearType type : {LinearType::kFloat32, LinearType::kBfloat16, LinearType::kInt8}) {
    const ReducedExample example({80, 37}, type);
    for (const KernelTable* table : tables_that_have(type)) {
      const Linear linear(*table);
      PackedLinear packed;
      PreparedMemory memory;
      linear.pack(example.weights.data(), 80, 37, type, packed);
      const PreparedRows rows = linear.prepare(example.x.data(), 64, 37, type, memory);
      std::vector<float> found(9 * 80);
      linear.multiply(rows.part(31, 9), packed, found.data());
      EXPECT_EQ(found, example.multiply(*table, 31, 9, {0, 80})) << table->name;
    }
  }
}

// What the header says, computed apart from it: whole numbers, an exact sum, two roundings.
TEST(Int8, IsItsFormula) {
  const ReducedExample example({9, 150}, LinearType::kInt8);
  const auto scale_of = [](const float* values, int64_t count) {
    float most = 0.0f;
    for (int64_t i = 0; i < count; ++i) most = std::max(most, std::abs(values[i]));
    return most / 127.0f;
  };
  const std::vector<float> found = example.multiply(definition_kernels(), 3);
  for (int64_t row = 0; row < 3; ++row) {
    const float* x = example.x.data() + row * 150;
    const float x_scale = scale_of(x, 150);
    for (int64_t output = 0; output < 9; ++output) {
      const float* w = example.weights.data() + output * 150;
      const float w_scale = scale_of(w, 150);
      int64_t sum = 0;
      double exact = 0.0;
      for (int64_t i = 0; i < 150; ++i) {
        const double xi = static_cast<double>(x[i]) / x_scale;
        const double wi = static_cast<double>(w[i]) / w_scale;
        sum += std::lrint(xi) * std::lrint(wi);
        exact += xi * wi;
      }
      EXPECT_EQ(found[static_cast<size_t>(row * 9 + output)], static_cast<float>(sum) * w_scale * x_scale);
      EXPECT_NEAR(static_cast<double>(sum), exact, 150.0 * 127.0 / 4.0);
    }
  }
}

TEST(Int8, TheLargestSumsAreExact) {
  for (const int64_t inputs : {4096, 9728, 16384}) {
    ReducedExample example({17, inputs}, LinearType::kInt8);
    std::fill(example.weights.begin(), example.weights.end(), -1.0f);
    std::fill(example.x.begin(), example.x.end(), 1.0f);
    const float scale = 1.0f / 127.0f;
    const float expected = static_cast<float>(-127 * 127 * inputs) * scale * scale;
    for (const KernelTable* table : tables_that_have(LinearType::kInt8)) {
      for (const float value : example.multiply(*table, 2)) ASSERT_EQ(value, expected) << table->name;
    }
  }
}

TEST(Reduced, RowsAndWeightsOfZerosGiveZeros) {
  for (const LinearType type : kReduced) {
    ReducedExample example({20, 70}, type);
    std::fill_n(example.x.begin(), 70, 0.0f);
    std::fill_n(example.x.begin() + 70, 70, 1e-40f);  // too small for the reciprocal of a scale
    std::fill_n(example.weights.begin() + 4 * 70, 70, -0.0f);
    for (const KernelTable* table : tables_that_have(type)) {
      const std::vector<float> out = example.multiply(*table, 3);
      for (size_t i = 0; i < 40; ++i) EXPECT_EQ(out[i], 0.0f) << table->name << " " << word_of_type(type);
      EXPECT_EQ(out[44], 0.0f);
      EXPECT_NE(out[45], 0.0f);
    }
  }
}

TEST(Int8, InfinitiesAndWhatIsNoNumberAreSaid) {
  for (const float bad : {INFINITY, -INFINITY, std::numeric_limits<float>::quiet_NaN(), -NAN}) {
    for (const int64_t place : {0, 1, 36, 37 * 5, 37 * 8 + 36}) {
      ReducedExample example({10, 37}, LinearType::kInt8);
      example.x[static_cast<size_t>(place)] = bad;
      for (const KernelTable* table : tables_that_have(LinearType::kInt8)) {
        const Linear linear(*table);
        PreparedMemory memory;
        EXPECT_FALSE(linear.prepare(example.x.data(), 9, 37, LinearType::kInt8, memory).finite())
            << table->name << " " << bad << " at " << place;
      }
    }
  }
}

TEST(Int8, AWeightThatIsNoNumberMakesItsOutputNone) {
  ReducedExample example({3, 8}, LinearType::kInt8);
  example.weights[9] = NAN;
  for (const KernelTable* table : tables_that_have(LinearType::kInt8)) {
    const std::vector<float> out = example.multiply(*table, 2);
    EXPECT_TRUE(std::isfinite(out[0]) && std::isnan(out[1]) && std::isfinite(out[2])) << table->name;
  }
}

TEST(Bfloat16, RoundsToNearestTiesToEven) {
  const auto rounded = [](float x) { return std::bit_cast<float>(uint32_t{to_bfloat16(x)} << 16); };
  EXPECT_EQ(rounded(1.0f), 1.0f);
  EXPECT_EQ(rounded(1.0f + 0x1p-8f), 1.0f);            // a tie: to the even one
  EXPECT_EQ(rounded(1.0f + 0x3p-8f), 1.0f + 0x1p-6f);  // likewise
  EXPECT_EQ(rounded(1.0f + 0x1p-8f + 0x1p-20f), 1.0f + 0x1p-7f);
  EXPECT_EQ(rounded(-INFINITY), -INFINITY);
  EXPECT_EQ(rounded(FLT_MAX), INFINITY);
  EXPECT_TRUE(std::isnan(rounded(NAN)));
}

// The instruction's own rules, where they show: the order of a pair, one rounding of each, and zeros for what
// is below the smallest normal number.
TEST(Bfloat16, EveryTableAddsAsTheInstructionDoes) {
  for (const KernelTable* table : tables_that_have(LinearType::kBfloat16)) {
    const auto product = [&](std::vector<float> x, std::vector<float> w) {
      ReducedExample example({1, static_cast<int64_t>(x.size())}, LinearType::kBfloat16);
      example.x = std::move(x);
      example.weights = std::move(w);
      return example.multiply(*table, 1).front();
    };
    // 2^30 is there when 1 is added, and gone when -2^30 is.
    EXPECT_EQ(product({1.0f, 0x1p30f, -0x1p30f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}), 0.0f);
    EXPECT_EQ(product({0x1p30f, 1.0f, -0x1p30f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}), 0.0f);
    EXPECT_EQ(product({-0x1p30f, 0x1p30f, 1.0f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}), 1.0f);
    EXPECT_EQ(product({1.0f, 0.0f}, {0x1p-127f, 0.0f}), 0.0f);
    EXPECT_EQ(product({0x1p-70f, 0.0f}, {0x1p-60f, 0.0f}), 0.0f);
    EXPECT_TRUE(std::isnan(product({INFINITY, 0.0f}, {0.0f, 0.0f}))) << table->name;
  }
}

// Numbers of every size beside each other, which find another order or another rounding.
TEST(Bfloat16, AnyBitsGiveTheBitsOfTheDefinition) {
  ReducedExample example({33, 64}, LinearType::kBfloat16);
  uint64_t state = 12345;
  const auto fill = [&state](std::vector<float>& values, uint32_t exponents) {
    for (float& value : values) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const auto bits = static_cast<uint32_t>(state >> 32);
      const uint32_t exponent = 127 - exponents / 2 + (bits >> 8) % exponents;
      value = std::bit_cast<float>((bits & 0x807F'FFFFu) | exponent << 23);
    }
  };
  for (const uint32_t exponents : {2u, 16u, 60u, 250u}) {
    fill(example.x, exponents);
    fill(example.weights, exponents);
    const auto expected = reduced_bits(example.multiply(definition_kernels(), 20));
    for (const KernelTable* table : tables_that_have(LinearType::kBfloat16)) {
      EXPECT_EQ(reduced_bits(example.multiply(*table, 20)), expected) << table->name << " " << exponents;
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
