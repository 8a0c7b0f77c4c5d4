// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/digits.h"

#include <algorithm>
#include <array>
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

std::string grouped_digits(int64_t value) {
  std::string digits = std::to_string(value);
  for (size_t at = digits.size(); at > 3 && digits[at - 4] != '-';) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string bytes_text(int64_t bytes) {
  constexpr std::array<const char*, 6> kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 999.95 && unit + 1 < kUnits.size(); ++unit) value /= 1000.0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

int decimals_for(double largest) {
  if (largest == 0.0 || !std::isfinite(largest)) return 1;
  return std::clamp(3 - static_cast<int>(std::floor(std::log10(largest))), 1, 9);
}

}  // namespace headwise
