// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: numbers as people read them in tables, pages and messages.
#pragma once

#include <cstdint>
#include <string>

namespace headwise {

// "0.4840"
std::string fixed_digits(double value, int digits = 4);
// With its sign, a minus as wide as the plus (U+2212); none where every digit shown is 0.
std::string signed_digits(double value, int digits = 4);

// "1,234,567"
std::string grouped_digits(int64_t value);
// "87.2 MB": decimal units, as disks and file managers count.
std::string bytes_text(int64_t bytes);

// Digits after the point so that numbers up to `largest` show four that count, at least one.
int decimals_for(double largest);

}  // namespace headwise
