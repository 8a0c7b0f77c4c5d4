// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of the linear layers: against plain loops in double, and the same bits for a row wherever it
// stands in a call and however many rows the call has.
#include "kernels/gemm.h"

#include <gtest/gtest.h>
#include <sys/time.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <thread>

#include "support/random_values.h"
#include "support/tolerance.h"

namespace headwise::kernels {
namespace {

struct Size {
  int64_t outputs;
  int64_t inputs;
};
constexpr Size kSizes[] = {{64, 576}, {576, 1536}, {1536, 576}, {48, 96}, {16, 64}, {80, 200}};

TEST(Gemm, AgreesWithPlainLoops) {
  Gemm gemm;
  for (const Size size : kSizes) {
    const double relative = likely_rounding_bound(size.inputs, tolerance("cpu", "fp32").unit);
    const auto weights = random_values(size.outputs * size.inputs, 21);
    const auto x = random_values(kRowTile * size.inputs, 22);
    PackedMatrix packed;
    gemm.pack(weights.data(), size.outputs, size.inputs, packed);
    EXPECT_EQ(packed.outputs(), size.outputs);
    EXPECT_EQ(packed.inputs(), size.inputs);
    for (int64_t rows : {1, 7, 16, 33, 64}) {
      std::vector<float> out(static_cast<size_t>(kRowTile * size.outputs));
      gemm.multiply(x.data(), rows, packed, out.data());
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < size.outputs; ++column) {
          double sum = 0.0;
          double magnitude = 0.0;
          for (int64_t k = 0; k < size.inputs; ++k) {
            const double term = static_cast<double>(x[static_cast<size_t>(row * size.inputs + k)]) *
                                weights[static_cast<size_t>(column * size.inputs + k)];
            sum += term;
            magnitude += std::abs(term);
          }
          ASSERT_NEAR(out[static_cast<size_t>(row * size.outputs + column)], sum, relative * magnitude);
        }
      }
    }
  }
}

TEST(Gemm, ARowsBitsDependOnTheRowAlone) {
  for (const Size size : kSizes) {
    Gemm gemm;
    const auto weights = random_values(size.outputs * size.inputs, 23);
    const auto x = random_values(kRowTile * size.inputs, 24);
    PackedMatrix packed;
    gemm.pack(weights.data(), size.outputs, size.inputs, packed);
    std::vector<float> whole(static_cast<size_t>(kRowTile * size.outputs));
    gemm.multiply(x.data(), kRowTile, packed, whole.data());
    for (int64_t rows = 1; rows < kRowTile; ++rows) {
      std::vector<float> out(static_cast<size_t>(kRowTile * size.outputs));
      gemm.multiply(x.data(), rows, packed, out.data());
      for (int64_t i = 0; i < rows * size.outputs; ++i) {
        ASSERT_EQ(out[static_cast<size_t>(i)], whole[static_cast<size_t>(i)])
            << rows << " rows of " << size.inputs;
      }
    }
    // From another thread, through another Gemm.
    std::vector<float> elsewhere(whole.size());
    std::thread([&] { Gemm().multiply(x.data(), kRowTile, packed, elsewhere.data()); }).join();
    EXPECT_EQ(elsewhere, whole);
  }
}

// Some outputs alone are what they are among the others, at any number of rows.
TEST(Gemm, AColumnsBitsDependOnTheColumnAlone) {
  for (const Size size : {Size{576, 1536}, {1536, 576}, {64, 64}, {128, 96}, {320, 200}, {4864, 896}}) {
    Gemm gemm;
    const auto weights = random_values(size.outputs * size.inputs, 25);
    const auto x = random_values(kRowTile * size.inputs, 26);
    PackedMatrix packed;
    gemm.pack(weights.data(), size.outputs, size.inputs, packed);
    if (!packed.any_columns()) continue;
    std::vector<float> whole(static_cast<size_t>(kRowTile * size.outputs));
    gemm.multiply(x.data(), kRowTile, packed, whole.data());
    for (const int64_t rows : {1, 6, 13, 20, 25, 40, 64}) {
      for (int64_t columns = kColumnGrain; columns <= std::min(kMostColumns, size.outputs);
           columns += kColumnGrain) {
        const int64_t first = (size.outputs - columns) / 2 / kColumnGrain * kColumnGrain;
        std::vector<float> out(static_cast<size_t>(rows * columns));
        gemm.multiply_columns(x.data(), rows, packed, first, columns, out.data());
        for (int64_t i = 0; i < rows * columns; ++i) {
          ASSERT_EQ(out[static_cast<size_t>(i)],
                    whole[static_cast<size_t>(i / columns * size.outputs + first + i % columns)])
              << rows << " rows, " << columns << " columns of " << size.outputs << " x " << size.inputs;
        }
      }
    }
  }
}

// Without Gemm's guard one handler call during a product of oneDNN damages the heap.
TEST(Gemm, SignalsDoNoHarm) {
  struct sigaction before {};
  struct sigaction handler {};
  handler.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGALRM, &handler, &before), 0);
  Gemm gemm;
  const Size size{1536, 576};
  const auto weights = random_values(size.outputs * size.inputs, 27);
  const auto x = random_values(kRowTile * size.inputs, 28);
  PackedMatrix packed;
  gemm.pack(weights.data(), size.outputs, size.inputs, packed);
  std::vector<float> calm(static_cast<size_t>(kRowTile * size.outputs));
  gemm.multiply(x.data(), kRowTile, packed, calm.data());
  const itimerval often{{0, 200}, {0, 200}};
  const itimerval never{};
  ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  int wrong = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<float> out(calm.size());
    gemm.multiply(x.data(), kRowTile, packed, out.data());
    wrong += out == calm ? 0 : 1;
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace headwise::kernels
