// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: 64-bit FNV-1a (Fowler, Noll and Vo, draft-eastlake-fnv), a hash of bytes that is the
// same on every machine of one byte order. Not for secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace headwise {

class Fnv {
 public:
  explicit Fnv(uint64_t seed = 0) : hash_(0xcbf29ce484222325 ^ seed) {}

  // The bytes of the values, in memory order.
  template <typename T>
  void add(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    for (const std::byte byte : std::as_bytes(values)) {
      hash_ ^= static_cast<uint64_t>(byte);
      hash_ *= 0x100000001b3;
    }
  }
  template <typename T>
  void add_value(const T& value) {
    add(std::span<const T>(&value, 1));
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_;
};

}  // namespace headwise
