// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/vocabulary.h"

#include <bit>
#include <functional>

namespace headwise {
namespace {

// Real files leave few ids out; what lies further away is a mistake or an attack.
constexpr int64_t kSpareIds = 1 << 16;
constexpr Span kNoToken = {1, 0};

size_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

}  // namespace

Result<Vocabulary> Vocabulary::build(const std::vector<Entry>& entries) {
  const int64_t limit = 2 * static_cast<int64_t>(entries.size()) + kSpareIds;
  int64_t largest = -1;
  size_t bytes = 0;
  for (const Entry& entry : entries) {
    if (entry.id < 0 || entry.id >= limit) {
      return fail(ErrorCode::kInvalidInput, "token \"" + std::string(entry.text.substr(0, 64)) +
                                                "\" has id " + std::to_string(entry.id) + ", expected 0 to " +
                                                std::to_string(limit - 1) + " in a vocabulary of " +
                                                std::to_string(entries.size()) + " tokens");
    }
    largest = std::max(largest, entry.id);
    bytes += entry.text.size();
  }
  Vocabulary vocabulary;
  vocabulary.arena_.reserve(bytes);
  vocabulary.spans_.assign(static_cast<size_t>(largest + 1), kNoToken);
  const size_t slots = std::bit_ceil(2 * entries.size() + 2);
  vocabulary.slots_.assign(slots, -1);
  for (const Entry& entry : entries) {
    Span& span = vocabulary.spans_[static_cast<size_t>(entry.id)];
    if (span != kNoToken) {
      return fail(ErrorCode::kInvalidInput,
                  "id " + std::to_string(entry.id) + " is used by two tokens, \"" +
                      std::string(vocabulary.text(static_cast<int32_t>(entry.id)).substr(0, 64)) +
                      "\" and \"" + std::string(entry.text.substr(0, 64)) + "\"");
    }
    size_t slot = hash_of(entry.text) & (slots - 1);
    while (vocabulary.slots_[slot] >= 0) {
      const int32_t other = vocabulary.slots_[slot];
      if (vocabulary.text(other) == entry.text) {
        return fail(ErrorCode::kInvalidInput, "token \"" + std::string(entry.text.substr(0, 64)) +
                                                  "\" has two ids, " + std::to_string(other) + " and " +
                                                  std::to_string(entry.id));
      }
      slot = (slot + 1) & (slots - 1);
    }
    vocabulary.slots_[slot] = static_cast<int32_t>(entry.id);
    span = {vocabulary.arena_.size(), vocabulary.arena_.size() + entry.text.size()};
    vocabulary.arena_.append(entry.text);
    vocabulary.longest_ = std::max(vocabulary.longest_, entry.text.size());
    ++vocabulary.count_;
  }
  return vocabulary;
}

std::optional<int32_t> Vocabulary::find(std::string_view wanted) const {
  if (slots_.empty()) return std::nullopt;
  size_t slot = hash_of(wanted) & (slots_.size() - 1);
  for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
    if (text(slots_[slot]) == wanted) return slots_[slot];
  }
  return std::nullopt;
}

std::string_view Vocabulary::text(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= spans_.size()) return {};
  const Span span = spans_[static_cast<size_t>(id)];
  if (span == kNoToken) return {};
  return std::string_view(arena_).substr(span.begin, span.end - span.begin);
}

}  // namespace headwise
