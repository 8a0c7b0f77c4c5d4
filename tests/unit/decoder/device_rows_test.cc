// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The device's operations between products, on the CPU: against the kernel table's definition, with one
// thread and with a block of them; stored weights to the bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "decoder/cuda/ops/operations.cuh"
#include "kernels/dequantize.h"
#include "kernels/kernels.h"
#include "support/random_values.h"
#include "support/thread_group.h"

namespace headwise::device {
namespace {

const kernels::KernelTable& definition() { return *kernels::available_kernels().front(); }

template <typename Body>
void run_on_one(const Body& body) {
  std::vector<char> memory(static_cast<size_t>(body.shared()) + 128);
  for (int64_t block = 0; block < body.blocks(); ++block) body.run(block, OneThread(memory.data()));
}

// Both ways of running a body must give what is expected.
template <typename Body, typename Prepare, typename Check>
void expect_both_ways(const Body& body, const Prepare& prepare, const Check& check) {
  prepare();
  run_on_one(body);
  check();
  prepare();
  run_on_threads(body);
  check();
}

void expect_near(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 2e-6 * (1.0 + std::abs(expected[i]))) << i;
  }
}

constexpr int64_t kWidths[] = {1, 8, 31, 64, 129};
constexpr int64_t kRows[] = {1, 3, 9};

TEST(DeviceRows, NormsAreTheDefinitions) {
  for (const int64_t width : kWidths) {
    for (const int64_t rows : kRows) {
      const std::vector<float> x = random_values(rows * width, 1);
      const std::vector<float> weights = random_values(width, 2);
      std::vector<float> expected(x.size());
      for (int64_t row = 0; row < rows; ++row) {
        definition().rms_norm(x.data() + row * width, weights.data(), width, 1e-5f,
                              expected.data() + row * width);
      }
      std::vector<float> out(x.size());
      const Norm<float> norm{{x.data(), weights.data(), out.data(), rows, width, 1e-5f}};
      expect_both_ways(
          norm, [&] { out.assign(x.size(), NAN); }, [&] { expect_near(out, expected); });
      // Added to the stream, scaled, after a bias.
      std::vector<float> branch;
      std::vector<float> hidden;
      const std::vector<float> bias = random_values(width, 3);
      std::vector<float> biased = x;
      std::vector<float> sums = random_values(rows * width, 4);
      const std::vector<float> stream = sums;
      for (int64_t i = 0; i < rows * width; ++i)
        biased[static_cast<size_t>(i)] += bias[static_cast<size_t>(i % width)];
      for (int64_t row = 0; row < rows; ++row) {
        definition().rms_norm(biased.data() + row * width, weights.data(), width, 1e-5f,
                              expected.data() + row * width);
        definition().add_scaled(sums.data() + row * width, expected.data() + row * width, 0.5f, width);
      }
      branch = x;
      hidden = stream;
      const Add add{{branch.data(), bias.data(), weights.data(), hidden.data(), rows, width, 1e-5f, 0.5f}};
      expect_both_ways(
          add,
          [&] {
            std::copy(x.begin(), x.end(), branch.begin());
            std::copy(stream.begin(), stream.end(), hidden.begin());
          },
          [&] { expect_near(hidden, sums); });
    }
  }
}

TEST(DeviceRows, HeadsAreBiasedNormedTurnedAndScaled) {
  constexpr int64_t kHeads = 4;
  constexpr int64_t kKv = 2;
  constexpr int64_t kPositions = 20;
  for (const int64_t width : {8, 64}) {
    for (const int64_t turned : {width, width / 2, int64_t{0}}) {
      for (const bool extras : {false, true}) {
        const int64_t rows = 5;
        const int64_t stride = (kHeads + 2 * kKv) * width;
        const std::vector<float> x = random_values(rows * stride, 1);
        const std::vector<float> bias = random_values(stride, 2);
        const std::vector<float> q_norm = random_values(width, 3);
        const std::vector<float> k_norm = random_values(width, 4);
        const std::vector<float> cos = random_values(kPositions * std::max<int64_t>(turned / 2, 1), 5);
        const std::vector<float> sin = random_values(kPositions * std::max<int64_t>(turned / 2, 1), 6);
        const std::vector<int32_t> positions{0, 3, 4, 5, 19};
        std::vector<float> expected = x;
        for (int64_t row = 0; row < rows; ++row) {
          float* heads = expected.data() + row * stride;
          if (extras) definition().add(heads, bias.data(), stride);
          for (int64_t head = 0; head < kHeads + kKv; ++head) {
            float* at = heads + head * width;
            const bool query = head < kHeads;
            const float scale = query ? 0.25f : 1.0f;
            if (extras) definition().rms_norm(at, query ? q_norm.data() : k_norm.data(), width, 1e-6f, at);
            const int64_t angle = positions[static_cast<size_t>(row)] * (turned / 2);
            definition().rotate(at, cos.data() + angle, sin.data() + angle, turned, scale);
            for (int64_t i = turned; i < width; ++i) at[i] *= scale;
          }
        }
        std::vector<float> out = x;
        const Heads<float> heads{{out.data(), extras ? bias.data() : nullptr,
                                  extras ? q_norm.data() : nullptr, extras ? k_norm.data() : nullptr,
                                  cos.data(), sin.data(), positions.data(), rows, stride, kHeads, kKv, width,
                                  turned, 1e-6f, 0.25f}};
        expect_both_ways(
            heads, [&] { std::copy(x.begin(), x.end(), out.begin()); }, [&] { expect_near(out, expected); });
      }
    }
  }
}

TEST(DeviceRows, GatesAreTheDefinitions) {
  for (const int64_t width : {1, 7, 1025}) {
    const int64_t rows = 3;
    const std::vector<float> x = random_values(rows * 2 * width, 1, 3.0f);
    std::vector<float> expected;
    std::vector<float> gelu;
    for (int64_t row = 0; row < rows; ++row) {
      std::vector<float> gate(x.begin() + row * 2 * width, x.begin() + (row * 2 + 1) * width);
      const float* up = x.data() + (row * 2 + 1) * width;
      for (int64_t i = 0; i < width; ++i) {
        const double g = gate[static_cast<size_t>(i)];
        gelu.push_back(static_cast<float>(
            0.5 * g * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (g + 0.044715 * g * g * g))) *
            up[i]));
      }
      definition().silu_multiply(gate.data(), up, width);
      expected.insert(expected.end(), gate.begin(), gate.end());
    }
    std::vector<float> out(expected.size());
    const auto clear = [&] { std::fill(out.begin(), out.end(), NAN); };
    expect_both_ways(Gate<float>{{x.data(), nullptr, out.data(), rows, width, 0}}, clear,
                     [&] { expect_near(out, expected); });
    expect_both_ways(Gate<float>{{x.data(), nullptr, out.data(), rows, width, 1}}, clear,
                     [&] { expect_near(out, gelu); });
  }
}

TEST(DeviceRows, Bfloat16IsRoundedToTheNearestEven) {
  EXPECT_EQ(rounded<Bfloat16>(1.0f).bits, 0x3F80);
  EXPECT_EQ(rounded<Bfloat16>(float_of_bits(0x3F808000)).bits, 0x3F80);  // a tie: to even
  EXPECT_EQ(rounded<Bfloat16>(float_of_bits(0x3F818000)).bits, 0x3F82);
  EXPECT_EQ(rounded<Bfloat16>(float_of_bits(0x3F808001)).bits, 0x3F81);
  EXPECT_EQ(rounded<Bfloat16>(INFINITY).bits, 0x7F80);
  EXPECT_TRUE(std::isnan(to_float(rounded<Bfloat16>(NAN))));
}

// Every type of a model's file, from random bytes: the same bits as on the CPU, rows put in order.
TEST(DeviceStored, WeightsHaveTheBitsOfTheCpu) {
  constexpr int64_t kColumns = 512;
  constexpr int64_t kStoredRows = 8;
  std::mt19937_64 random(7);
  for (int number = 0; number <= static_cast<int>(DType::kQ6_K); ++number) {
    const auto type = static_cast<DType>(number);
    const DTypeTraits& traits = dtype_traits(type);
    SCOPED_TRACE(traits.name);
    const int64_t row_bytes = kColumns / traits.block_values * traits.block_bytes;
    std::vector<std::byte> stored(static_cast<size_t>(kStoredRows * row_bytes));
    for (std::byte& byte : stored) byte = static_cast<std::byte>(random());
    std::vector<float> expected(kStoredRows * kColumns);
    kernels::dequantize(type, stored.data(), kStoredRows * kColumns, expected.data());
    std::vector<float> out(expected.size());
    for (const int64_t interleaved : {0, 4}) {
      // In two pieces, as a large matrix comes.
      for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 3}, {3, 5}}) {
        StoreArgs args{};
        args.stored = stored.data() + first * row_bytes;
        args.type = type;
        args.out = out.data();
        args.first = first;
        args.rows = rows;
        args.columns = kColumns;
        args.interleaved = interleaved;
        run_on_threads(Store<float>{args});
      }
      for (int64_t row = 0; row < kStoredRows; ++row) {
        const int64_t in_head = row % 4;
        const int64_t place = interleaved == 0 ? row : row - in_head + in_head / 2 + in_head % 2 * 2;
        const float* found = out.data() + place * kColumns;
        for (int64_t i = 0; i < kColumns; ++i) {
          const float wanted = expected[static_cast<size_t>(row * kColumns + i)];
          if (std::isnan(wanted)) {
            ASSERT_TRUE(std::isnan(found[i])) << row << " " << i;
          } else {
            ASSERT_EQ(bits_of_float(found[i]), bits_of_float(wanted)) << row << " " << i;
          }
        }
      }
    }
  }
}

TEST(DeviceStored, AnAdaptersChangeIsTheDefinitions) {
  constexpr int64_t kColumns = 40;
  constexpr int64_t kOutputs = 6;
  constexpr int64_t kRank = 3;
  const std::vector<float> stored = random_values(kOutputs * kColumns, 1);
  const std::vector<float> a = random_values(kRank * kColumns, 2);
  const std::vector<float> b = random_values(kOutputs * kRank, 3);
  std::vector<float> expected = stored;
  definition().add_low_rank({a.data(), b.data(), kRank, 0.5f}, 0, kOutputs, kColumns, expected.data());
  std::vector<float> out(expected.size());
  run_on_threads(Store<float>{
      {stored.data(), DType::kF32, out.data(), 0, kOutputs, kColumns, 0, a.data(), b.data(), kRank, 0.5f}});
  EXPECT_EQ(out, expected);
}

}  // namespace
}  // namespace headwise::device
