// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the name of a kept passage: a hash over its context and its tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "passages/checksum.h"

namespace headwise {

using PassageKey = Checksum;

struct PassageKeyHash {
  size_t operator()(const PassageKey& key) const {
    size_t hash = 0;
    std::memcpy(&hash, key.bytes.data(), sizeof hash);
    return hash;
  }
};

// `context` is KeptContext::digest().
PassageKey passage_key(std::string_view context, std::span<const int32_t> tokens);
// What stands in for the context's digest in the key of its prefix, which no passage may have.
inline std::string prefix_digest(const std::string& context) { return context + " prefix"; }

}  // namespace headwise
