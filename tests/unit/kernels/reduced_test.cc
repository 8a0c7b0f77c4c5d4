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
#include "support/kernel_reference.h"
#include "support/random_values.h"

namespace headwise::kernels {
namespace {

constexpr float kNothingWritten = 12345.0f;
constexpr LinearType kReduced[] = {LinearType::kBfloat16, LinearType::kInt8};

struct ReducedSize {
  int64_t outputs;
  int64_t inputs;
};
constexpr ReducedSize kReducedSizes[] = {{64, 576}, {576, 1536}, {48, 96},  {16, 64},  {80, 200}, {1, 1},
                                         {67, 37},  {130, 3},    {33, 193}, {70, 255}, {65, 387}};

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

  // Some of the outputs are multiplied with others to come, all of them with none.
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
    const auto next = range.count < size.outputs ? packed.panel(0) : std::span<const std::byte>();
    linear.multiply(prepared, packed, range, out.data(), next);
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
        const auto bits = [&](const KernelTable& table) {
          return reduced_bits(example.multiply(table, rows));
        };
        ByDefinition expected(bits);
        for (const KernelTable* table : tables_that_have(type)) {
          ASSERT_EQ(bits(*table), expected.of(*table))
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
        const auto bits = [&](const KernelTable& table) { return reduced_bits(example.multiply(table, 7)); };
        ByDefinition expected(bits);
        for (const KernelTable* table : tables_that_have(type)) {
          ASSERT_EQ(bits(*table), expected.of(*table))
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

// Blocks of 64 by the definition of Sylvester's matrix: entry (i, j) is 1/8, negative where i & j has an odd
// number of ones.
std::vector<double> turned_by_the_matrix(const float* x, int64_t count) {
  std::vector<double> out(x, x + count);
  for (int64_t first = 0; first + 64 <= count; first += 64) {
    for (uint32_t i = 0; i < 64; ++i) {
      double sum = 0.0;
      for (uint32_t j = 0; j < 64; ++j) {
        const double value = static_cast<double>(x[first + j]);
        sum += std::popcount(i & j) % 2 == 0 ? value : -value;
      }
      out[static_cast<size_t>(first + i)] = sum / 8.0;
    }
  }
  return out;
}

TEST(Int8, TurningIsSylvestersMatrixAndItsOwnInverse) {
  for (const int64_t inputs : {1, 63, 64, 65, 128, 200}) {
    const std::vector<float> x = random_values(inputs, 7);
    std::vector<float> once(x.size());
    std::vector<float> twice(x.size());
    turn_int8(x.data(), inputs, once.data());
    turn_int8(once.data(), inputs, twice.data());
    const std::vector<double> expected = turned_by_the_matrix(x.data(), inputs);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(once[i], expected[i], 1e-6) << i << " of " << inputs;
      EXPECT_NEAR(twice[i], x[i], 1e-6) << i << " of " << inputs;
    }
  }
}

// What the header says, computed apart from it: whole numbers, an exact sum of each span, roundings one by
// one.
TEST(Int8, IsItsFormula) {
  constexpr int64_t kInputs = 450;  // three spans, and two inputs that are not turned
  const ReducedExample example({9, kInputs}, LinearType::kInt8);
  const auto turned = [](const float* x) {
    std::vector<float> out(kInputs);
    turn_int8(x, kInputs, out.data());
    return out;
  };
  const auto scale_of = [](const std::vector<float>& values, int64_t first, int64_t end) {
    float most = 0.0f;
    for (int64_t i = first; i < end; ++i) most = std::max(most, std::abs(values[static_cast<size_t>(i)]));
    return most / 127.0f;
  };
  const std::vector<float> found = example.multiply(definition_kernels(), 3);
  for (int64_t row = 0; row < 3; ++row) {
    const std::vector<float> x = turned(example.x.data() + row * kInputs);
    for (int64_t output = 0; output < 9; ++output) {
      const std::vector<float> w = turned(example.weights.data() + output * kInputs);
      float expected = 0.0f;
      double exact = 0.0;
      for (int64_t first = 0; first < kInputs; first += 192) {
        const int64_t end = std::min(first + 192, kInputs);
        const float x_scale = scale_of(x, first, end);
        const float w_scale = scale_of(w, first, end);
        int64_t sum = 0;
        for (int64_t i = first; i < end; ++i) {
          const auto place = static_cast<size_t>(i);
          sum += std::lrint(static_cast<double>(x[place]) / x_scale) *
                 std::lrint(static_cast<double>(w[place]) / w_scale);
          exact += static_cast<double>(example.x[static_cast<size_t>(row * kInputs + i)]) *
                   example.weights[static_cast<size_t>(output * kInputs + i)];
        }
        const float scaled = static_cast<float>(sum) * w_scale;
        expected = first == 0 ? scaled * x_scale : std::fma(scaled, x_scale, expected);
      }
      EXPECT_EQ(found[static_cast<size_t>(row * 9 + output)], expected);
      EXPECT_NEAR(expected, exact, 1.0);  // 450 products, each of two rounded numbers; sums are some 25
    }
  }
}

// One input in 576 that is 200 times the others, as decoders have them: turned, it costs the rest hardly
// anything; a scale that had to hold it would leave them half a unit.
TEST(Int8, AnInputThatStandsOutDoesNotCostTheOthers) {
  ReducedExample example({40, 576}, LinearType::kInt8);
  for (int64_t row = 0; row < 8; ++row) example.x[static_cast<size_t>(row * 576 + 100)] = 200.0f;
  for (int64_t output = 0; output < 40; ++output)
    example.weights[static_cast<size_t>(output * 576 + 100)] = 0.0f;
  const std::vector<float> found = example.multiply(definition_kernels(), 8);
  double squares = 0.0;
  for (int64_t row = 0; row < 8; ++row) {
    for (int64_t output = 0; output < 40; ++output) {
      double exact = 0.0;
      for (int64_t i = 0; i < 576; ++i) {
        exact += static_cast<double>(example.x[static_cast<size_t>(row * 576 + i)]) *
                 example.weights[static_cast<size_t>(output * 576 + i)];
      }
      const double error = static_cast<double>(found[static_cast<size_t>(row * 40 + output)]) - exact;
      squares += error * error;
    }
  }
  // Without turning: steps of 200 / 127 over the 191 other inputs of a span, weights of 1: some 6.3.
  EXPECT_LT(std::sqrt(squares / 320.0), 2.0);
}

TEST(Int8, TheLargestSumsAreExact) {
  for (const int64_t inputs : {192, 576, 16384}) {
    ReducedExample example({17, inputs}, LinearType::kInt8);
    // Every turned value is of one size: a block is eight times a row of the matrix.
    for (size_t i = 0; i < example.weights.size(); ++i) example.weights[i] = i % 64 == 0 ? -8.0f : 0.0f;
    for (size_t i = 0; i < example.x.size(); ++i) example.x[i] = i % 64 == 0 ? 8.0f : 0.0f;
    const float scale = 1.0f / 127.0f;
    float expected = 0.0f;
    for (int64_t first = 0; first < inputs; first += 192) {
      const float scaled = static_cast<float>(-127 * 127 * std::min<int64_t>(192, inputs - first)) * scale;
      expected = first == 0 ? scaled * scale : std::fma(scaled, scale, expected);
    }
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
    for (const int64_t place : {0, 1, 200, 237, 238 * 5, 238 * 8 + 70}) {
      ReducedExample example({10, 238}, LinearType::kInt8);
      example.x[static_cast<size_t>(place)] = bad;
      for (const KernelTable* table : tables_that_have(LinearType::kInt8)) {
        const Linear linear(*table);
        PreparedMemory memory;
        EXPECT_FALSE(linear.prepare(example.x.data(), 9, 238, LinearType::kInt8, memory).finite())
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

// The instructions' own rules, where they show: the order of a pair or the two sums of a tile, one rounding
// of each, and zeros for what is below the smallest normal number.
TEST(Bfloat16, EveryTableAddsAsTheInstructionDoes) {
  for (const KernelTable* table : tables_that_have(LinearType::kBfloat16)) {
    const auto product = [&](std::vector<float> x, std::vector<float> w) {
      ReducedExample example({1, static_cast<int64_t>(x.size())}, LinearType::kBfloat16);
      example.x = std::move(x);
      example.weights = std::move(w);
      return example.multiply(*table, 1).front();
    };
    // 2^30 is there when 1 is added, and gone when -2^30 is; in a tile each has a sum of its own, or they
    // share one.
    const bool in_tiles = table->bf16->definition != nullptr;
    EXPECT_EQ(product({1.0f, 0x1p30f, -0x1p30f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}), 0.0f);
    EXPECT_EQ(product({0x1p30f, 1.0f, -0x1p30f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}), in_tiles ? 1.0f : 0.0f);
    EXPECT_EQ(product({-0x1p30f, 0x1p30f, 1.0f, 0.0f}, {1.0f, 1.0f, 1.0f, 1.0f}), in_tiles ? 0.0f : 1.0f);
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
    const auto bits = [&](const KernelTable& table) { return reduced_bits(example.multiply(table, 20)); };
    ByDefinition expected(bits);
    for (const KernelTable* table : tables_that_have(LinearType::kBfloat16)) {
      EXPECT_EQ(bits(*table), expected.of(*table)) << table->name << " " << exponents;
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
