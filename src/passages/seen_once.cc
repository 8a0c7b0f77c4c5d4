// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/seen_once.h"

namespace headwise {

bool SeenOnce::take(const PassageKey& key) {
  const std::lock_guard lock(mutex_);
  return keys_.erase(key) > 0;
}

void SeenOnce::note(const PassageKey& key) {
  const std::lock_guard lock(mutex_);
  if (!keys_.insert(key).second) return;
  order_.push_back(key);
  if (order_.size() <= most_) return;
  keys_.erase(order_.front());
  order_.pop_front();
}

}  // namespace headwise
