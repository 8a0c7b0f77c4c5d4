// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a short hash that says whether two inputs are the same, for journals. Not for secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fnv.h"

namespace headwise {

// "00000000000000ff": 16 hexadecimal digits.
std::string hex16(uint64_t value);

// FNV-1a over pieces, each piece with its length, so that ("ab","c") and ("a","bc") differ.
class Fingerprint {
 public:
  void add(std::string_view piece);
  void add(double value);
  std::string hex() const { return hex16(hash_.value()); }

 private:
  Fnv hash_;
};

}  // namespace headwise
