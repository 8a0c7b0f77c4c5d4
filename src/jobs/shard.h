// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which part of a job a process does, --shard i/n. Neighbours stay together and the first
// shards hold one more, so that the parts put together in order are the whole.
#pragma once

#include <cstddef>
#include <string>

#include "headwise/error.h"

namespace headwise {

struct Shard {
  size_t index = 0;  // zero based
  size_t count = 1;

  struct Range {
    size_t begin = 0;
    size_t end = 0;
  };
  Range of(size_t items) const;
};

// "i/n" with 1 <= i <= n; empty: the whole.
Result<Shard> parse_shard(const std::string& text);

}  // namespace headwise
