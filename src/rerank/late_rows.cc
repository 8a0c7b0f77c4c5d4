// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/late_rows.h"

namespace headwise {

// Position, then the tokens of what the rows see, passages left out, and their own.
LateRowsMemory::Key LateRowsMemory::key_of(const BuiltPrompt& prompt) {
  const PromptSegments& segments = prompt.segments;
  Key key{static_cast<int32_t>(prompt.layout.segment(*segments.content_free).first_position)};
  for (const int segment : {segments.prefix, segments.instruction, *segments.content_free}) {
    if (segment < 0) continue;  // a template without an instruction behind the passages
    const auto ids = prompt.layout.ids_of(segment);
    key.push_back(static_cast<int32_t>(ids.size()));
    key.insert(key.end(), ids.begin(), ids.end());
  }
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
