// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/fingerprint.h"

#include <cstdio>
#include <span>

namespace headwise {

std::string hex16(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

void Fingerprint::add(std::string_view piece) {
  const std::string front = std::to_string(piece.size()) + ":";
  hash_.add(std::span<const char>(front));
  hash_.add(std::span<const char>(piece));
}

void Fingerprint::add(double value) { hash_.add_value(value); }

}  // namespace headwise
