// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of a few rows, of every instruction set, against double precision, within the bound of their sums.
#include <gtest/gtest.h>

#include "support/kernel_reference.h"
#include "support/kernel_tables.h"
#include "support/random_values.h"

namespace headwise::kernels {
namespace {

constexpr float kUntouched = 12345.0f;

class MultiplyRows : public EveryTable {};
INSTANTIATE_TEST_SUITE_P(Isa, MultiplyRows, testing::ValuesIn(built_tables()), table_test_name);

TEST_P(MultiplyRows, AgreesWithSumsInDoublePrecision) {
  for (const int64_t inputs : {1, 7, 8, 16, 37, 576}) {
    for (const int64_t outputs : {1, 2, 3, 5, 12, 13}) {
      for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 9, 33}) {
        const int64_t x_stride = inputs + 3;
        const int64_t out_stride = outputs + 2;
        const auto x = random_values(rows * x_stride, 31);
        const auto weights = random_values(outputs * inputs, 32);
        std::vector<float> out(static_cast<size_t>(rows * out_stride), kUntouched);
        const MultiplyRowsArgs args{x.data(), x_stride, rows,       weights.data(),
                                    outputs,  inputs,   out.data(), out_stride};
        table().multiply_rows(args);
        std::vector<float> found;
        for (int64_t row = 0; row < rows; ++row) {
          const float* begin = out.data() + row * out_stride;
          found.insert(found.end(), begin, begin + outputs);
          for (int64_t o = outputs; o < out_stride; ++o) ASSERT_EQ(begin[o], kUntouched);
        }
        const auto expected = expected_multiply_rows(args, likely_rounding_bound);
        ASSERT_EQ(first_too_far(found, expected), -1) << rows << " x " << outputs << " x " << inputs;
      }
    }
  }
}

TEST_P(MultiplyRows, AValueDependsOnItsRowAndOutputAlone) {
  constexpr int64_t kInputs = 83;
  constexpr int64_t kOutputs = 13;
  constexpr int64_t kRows = 11;
  const auto x = random_values(kRows * kInputs, 33);
  const auto weights = random_values(kOutputs * kInputs, 34);
  std::vector<float> whole(kRows * kOutputs);
  table().multiply_rows(
      {x.data(), kInputs, kRows, weights.data(), kOutputs, kInputs, whole.data(), kOutputs});
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t o = 0; o < kOutputs; ++o) {
      float alone = 0.0f;
      table().multiply_rows(
          {x.data() + row * kInputs, kInputs, 1, weights.data() + o * kInputs, 1, kInputs, &alone, 1});
      ASSERT_EQ(alone, whole[static_cast<size_t>(row * kOutputs + o)]);
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
