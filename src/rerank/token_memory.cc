// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/token_memory.h"

namespace headwise {

size_t TokenMemory::size_of(const Entry& entry) {
  constexpr size_t kNodes = 150;  // of the list and the map
  return entry.text.size() + entry.tokens.size() * sizeof(int32_t) + kNodes;
}

const std::vector<int32_t>* TokenMemory::find(std::string_view text) {
  const auto found = places_.find(text);
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->tokens;
}

void TokenMemory::keep(std::string_view text, const std::vector<int32_t>& tokens) {
  Entry entry{std::string(text), tokens};
  const size_t size = size_of(entry);
  if (size > most_ || places_.contains(text)) return;
  while (bytes_ + size > most_) {
    bytes_ -= size_of(entries_.back());
    places_.erase(entries_.back().text);
    entries_.pop_back();
  }
  entries_.push_front(std::move(entry));
  places_.emplace(entries_.front().text, entries_.begin());
  bytes_ += size;
}

}  // namespace headwise
