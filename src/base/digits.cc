// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/digits.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace headwise {

std::string fixed_digits(double value, int digits) {
  char buffer[400];  // the largest double has 309 digits before the point
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string signed_digits(double value, int digits) {
  std::string size = fixed_digits(std::abs(value), digits);
  if (size.find_first_not_of("0.") == std::string::npos) return size;
  return (value > 0.0 ? "+" : "\xE2\x88\x92") + size;  // U+2212, as wide as '+'
}

int decimals_for(double largest) {
  if (largest == 0.0 || !std::isfinite(largest)) return 1;
  return std::clamp(3 - static_cast<int>(std::floor(std::log10(largest))), 1, 9);
}

}  // namespace headwise
