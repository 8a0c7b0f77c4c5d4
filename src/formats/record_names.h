// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The names that the members of a record (a document, a passage, a candidate, a query) go by in other
// people's files, and which one wins where a record has several: the one table for all readers of documents.
// A name in the table's own spelling wins over every name in other letter case ("Title"); within each kind
// the order of the table decides. Where in the record a member stands never matters.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace headwise {

enum class RecordMember { kOther, kId, kTitle, kText, kScore };

struct RecordName {
  std::string_view name;
  RecordMember member;
};
// What wins first.
std::span<const RecordName> record_names();

// What a key says, and how it stands against other keys for the same member: less wins.
struct RecordKey {
  RecordMember member = RecordMember::kOther;
  size_t place = std::numeric_limits<size_t>::max();
};
RecordKey record_key(std::string_view key);

// "'_id' (or id, pid, ...)", for messages.
std::string names_of(RecordMember member);

// The member of a JSON object that wins, or null; null counts as absent. Of two keys that differ in letter
// case alone the smaller byte wins.
template <typename Json>
const Json* record_member(const Json& object, RecordMember member) {
  if (!object.is_object()) return nullptr;
  const Json* best = nullptr;
  std::pair<size_t, std::string_view> best_key;
  for (auto at = object.begin(); at != object.end(); ++at) {
    const RecordKey found = record_key(at.key());
    if (found.member != member || at->is_null()) continue;
    const std::pair<size_t, std::string_view> key{found.place, at.key()};
    if (best != nullptr && best_key < key) continue;
    best = &*at;
    best_key = key;
  }
  return best;
}

// Whether the object has a text, be it null: a record whose cell is empty is an empty passage, one that has
// no member of any such name says nothing of the kind.
template <typename Json>
bool has_text_member(const Json& object) {
  if (!object.is_object()) return false;
  for (auto at = object.begin(); at != object.end(); ++at) {
    if (record_key(at.key()).member == RecordMember::kText) return true;
  }
  return false;
}

}  // namespace headwise
