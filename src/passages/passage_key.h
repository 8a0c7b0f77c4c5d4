// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the name of a kept passage: a hash over its context and its tokens.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace headwise {

struct PassageKey {
  std::array<unsigned char, 16> bytes{};

  std::string hex() const;
  friend auto operator<=>(const PassageKey&, const PassageKey&) = default;
};

struct PassageKeyHash {
  size_t operator()(const PassageKey& key) const {
    size_t hash = 0;
    std::memcpy(&hash, key.bytes.data(), sizeof hash);
    return hash;
  }
};

// `context` is KeptContext::digest().
PassageKey passage_key(std::string_view context, std::span<const int32_t> tokens);

}  // namespace headwise
