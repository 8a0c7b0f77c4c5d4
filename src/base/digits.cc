// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/digits.h"

#include <cmath>
#include <cstdio>

namespace headwise {

std::string fixed_digits(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string signed_digits(double value, int digits) {
  std::string size = fixed_digits(std::abs(value), digits);
  if (size.find_first_not_of("0.") == std::string::npos) return size;
  return (value > 0.0 ? "+" : "\xE2\x88\x92") + size;  // U+2212, as wide as '+'
}

}  // namespace headwise
