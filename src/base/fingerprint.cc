// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/fingerprint.h"

#include <cstdio>
#include <cstring>

namespace headwise {

void Fingerprint::add_bytes(std::string_view bytes) {
  for (const char byte : bytes) {
    hash_ ^= static_cast<unsigned char>(byte);
    hash_ *= 0x100000001b3;
  }
}

void Fingerprint::add(std::string_view piece) {
  add_bytes(std::to_string(piece.size()) + ":");
  add_bytes(piece);
}

void Fingerprint::add(double value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  add_bytes(std::string_view(bytes, sizeof value));
}

std::string Fingerprint::hex() const {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash_));
  return text;
}

}  // namespace headwise
