// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a short hash that says whether two inputs are the same, for journals. Not for secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headwise {

// 64-bit FNV-1a over pieces, each piece with its length, so that ("ab","c") and ("a","bc") differ.
class Fingerprint {
 public:
  void add(std::string_view piece);
  void add(double value);
  std::string hex() const;

 private:
  void add_bytes(std::string_view bytes);
  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace headwise
