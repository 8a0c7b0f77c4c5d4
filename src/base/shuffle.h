// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the one way that lists are put in random order: Fisher and Yates with a generator whose
// numbers are the same on every machine, which std::shuffle's distribution is not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <utility>
#include <vector>

namespace headwise {

template <typename T>
void shuffle(std::vector<T>& items, std::mt19937_64& random) {
  for (size_t i = items.size(); i > 1; --i) {
    // The modulo's bias is below 2^-50 for any list that fits in memory here.
    std::swap(items[i - 1], items[static_cast<size_t>(random() % i)]);
  }
}

// Keeps `count` items, drawn without replacement, in the order drawn; all of them where there are fewer.
template <typename T>
void draw(std::vector<T>& items, size_t count, std::mt19937_64& random) {
  count = std::min(count, items.size());
  for (size_t i = 0; i < count; ++i) {
    std::swap(items[i], items[i + static_cast<size_t>(random() % (items.size() - i))]);
  }
  items.resize(count);
}

}  // namespace headwise
