// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/shard.h"

#include <algorithm>
#include <charconv>

namespace headwise {

Shard::Range Shard::of(size_t items) const {
  const size_t least = items / count, longer = items % count;
  const size_t begin = index * least + std::min(index, longer);
  return {begin, begin + least + (index < longer ? 1 : 0)};
}

Result<Shard> parse_shard(const std::string& text) {
  if (text.empty()) return Shard{};
  Shard shard;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.index);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, shard.count);
    if (second.ec == std::errc() && second.ptr == end && shard.index >= 1 && shard.index <= shard.count) {
      --shard.index;
      return shard;
    }
  }
  return fail(ErrorCode::kUsage, "--shard: expected i/n with 1 <= i <= n, such as 1/2; found '" + text + "'");
}

}  // namespace headwise
