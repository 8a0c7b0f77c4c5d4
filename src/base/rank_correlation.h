// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how alike two orders of the same things are.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"

namespace headwise {

// Kendall's tau-b (Kendall 1945): pairs in the same order less pairs in the other one, over the geometric
// mean of the pairs that each of the two tells apart. 1 where neither tells any apart, 0 where one does not.
inline double kendall_tau(std::span<const double> one, std::span<const double> other) {
  HW_CHECK(one.size() == other.size());
  int64_t agreement = 0;
  int64_t told_by_one = 0;
  int64_t told_by_other = 0;
  const auto order = [](double a, double b) { return a < b ? -1 : a > b ? 1 : 0; };
  for (size_t i = 0; i < one.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int a = order(one[i], one[j]);
      const int b = order(other[i], other[j]);
      agreement += a * b;
      told_by_one += a * a;
      told_by_other += b * b;
    }
  }
  if (told_by_one == 0 && told_by_other == 0) return 1.0;
  if (told_by_one == 0 || told_by_other == 0) return 0.0;
  return static_cast<double>(agreement) /
         std::sqrt(static_cast<double>(told_by_one) * static_cast<double>(told_by_other));
}

}  // namespace headwise
