// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/late_rows.h"

#include <algorithm>

namespace headwise {

// Position, then the tokens of what the rows see, passages left out, and their own.
LateRowsMemory::Key LateRowsMemory::key_of(const BuiltPrompt& prompt) {
  const PromptLayout& layout = prompt.layout;
  const PromptSegment& own = layout.segment(*prompt.segments.content_free);
  Key key{static_cast<int32_t>(own.first_position)};
  const auto add = [&](const PromptSegment& segment) {
    const auto begin = layout.ids.begin() + static_cast<std::ptrdiff_t>(segment.token_begin);
    key.push_back(static_cast<int32_t>(segment.tokens));
    key.insert(key.end(), begin, begin + static_cast<std::ptrdiff_t>(segment.tokens));
  };
  const std::vector<int>& passages = prompt.segments.passages;
  for (const int seen : own.context) {
    if (std::find(passages.begin(), passages.end(), seen) == passages.end()) add(layout.segment(seen));
  }
  add(own);
  return key;
}

LateRows LateRowsMemory::find(const BuiltPrompt& prompt) const {
  if (layer_ == 0 || !prompt.segments.content_free) return {};
  const auto found = rows_.find(key_of(prompt));
  return {*prompt.segments.content_free, layer_, found == rows_.end() ? nullptr : found->second};
}

void LateRowsMemory::keep(const BuiltPrompt& prompt, std::shared_ptr<const HiddenRows> rows) {
  if (rows == nullptr) return;
  const auto size_of = [](const Key& key, const HiddenRows& of_key) {
    return 2 * key.size() * sizeof(int32_t) + of_key.size() * sizeof(float);
  };
  Key key = key_of(prompt);
  const size_t size = size_of(key, *rows);
  if (size > most_ || rows_.contains(key)) return;
  while (bytes_ + size > most_) {
    const auto oldest = rows_.find(order_.front());
    bytes_ -= size_of(oldest->first, *oldest->second);
    rows_.erase(oldest);
    order_.pop_front();
  }
  order_.push_back(key);
  rows_.emplace(std::move(key), std::move(rows));
  bytes_ += size;
}

}  // namespace headwise
