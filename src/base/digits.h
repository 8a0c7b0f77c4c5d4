// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: numbers as people read them in tables, pages and messages.
#pragma once

#include <string>

namespace headwise {

// "0.4840"
std::string fixed_digits(double value, int digits = 4);
// With its sign, a minus as wide as the plus (U+2212); none where every digit shown is 0.
std::string signed_digits(double value, int digits = 4);

// Digits after the point so that numbers up to `largest` show four that count, at least one.
int decimals_for(double largest);

}  // namespace headwise
