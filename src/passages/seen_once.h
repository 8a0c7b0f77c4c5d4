// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: admission on second sight: keys that were seen once, the last 100,000 of them. Most
// passages of a stream are never seen again, and a store need not hold them.
//
// Thread rule: any number of callers at once.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <unordered_set>

#include "passages/passage_key.h"

namespace headwise {

class SeenOnce {
 public:
  explicit SeenOnce(size_t most = 100000) : most_(most) {}

  // True when the key was noted before; then it is forgotten, and whoever asks takes it.
  bool take(const PassageKey& key);
  void note(const PassageKey& key);

 private:
  std::mutex mutex_;
  size_t most_;
  std::unordered_set<PassageKey, PassageKeyHash> keys_;
  std::deque<PassageKey> order_;  // as noted; some are taken already
};

}  // namespace headwise
