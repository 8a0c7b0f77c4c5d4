// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of a few rows, of every instruction set, against the definition in double precision.
#include <gtest/gtest.h>

#include <cmath>

#include "unit/kernels/random_values.h"

namespace headwise::kernels {
namespace {

constexpr float kUntouched = 12345.0f;

TEST(MultiplyRows, AgreesWithSumsInDoublePrecision) {
  for (const KernelTable* table : available_kernels()) {
    for (const int64_t inputs : {1, 7, 8, 16, 37, 576}) {
      for (const int64_t outputs : {1, 2, 3, 5, 12, 13}) {
        for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 9, 33}) {
          const int64_t x_stride = inputs + 3;
          const int64_t out_stride = outputs + 2;
          const auto x = random_values(rows * x_stride, 31);
          const auto weights = random_values(outputs * inputs, 32);
          std::vector<float> out(static_cast<size_t>(rows * out_stride), kUntouched);
          table->multiply_rows(
              {x.data(), x_stride, rows, weights.data(), outputs, inputs, out.data(), out_stride});
          for (int64_t row = 0; row < rows; ++row) {
            for (int64_t o = 0; o < out_stride; ++o) {
              const float found = out[static_cast<size_t>(row * out_stride + o)];
              if (o >= outputs) {
                ASSERT_EQ(found, kUntouched) << table->name;
                continue;
              }
              double sum = 0.0;
              double size = 0.0;
              for (int64_t i = 0; i < inputs; ++i) {
                const double term = static_cast<double>(x[static_cast<size_t>(row * x_stride + i)]) *
                                    weights[static_cast<size_t>(o * inputs + i)];
                sum += term;
                size += std::abs(term);
              }
              ASSERT_NEAR(found, sum, 2e-6 * size)
                  << table->name << " " << rows << " x " << outputs << " x " << inputs;
            }
          }
        }
      }
    }
  }
}

TEST(MultiplyRows, AValueDependsOnItsRowAndOutputAlone) {
  constexpr int64_t kInputs = 83;
  constexpr int64_t kOutputs = 13;
  constexpr int64_t kRows = 11;
  const auto x = random_values(kRows * kInputs, 33);
  const auto weights = random_values(kOutputs * kInputs, 34);
  for (const KernelTable* table : available_kernels()) {
    std::vector<float> whole(kRows * kOutputs);
    table->multiply_rows(
        {x.data(), kInputs, kRows, weights.data(), kOutputs, kInputs, whole.data(), kOutputs});
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t o = 0; o < kOutputs; ++o) {
        float alone = 0.0f;
        table->multiply_rows(
            {x.data() + row * kInputs, kInputs, 1, weights.data() + o * kInputs, 1, kInputs, &alone, 1});
        ASSERT_EQ(alone, whole[static_cast<size_t>(row * kOutputs + o)]) << table->name;
      }
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
