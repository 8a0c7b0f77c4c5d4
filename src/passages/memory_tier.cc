// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/memory_tier.h"

#include <algorithm>

namespace headwise {
namespace {

// List and hash nodes with their allocations, measured: 60 to 200 bytes beside what they hold.
constexpr uint64_t kEntryBytes = 200;

uint64_t weight(const KeptSlot& slot, const KeptSegment& segment) {
  return segment.bytes() + slot.tokens.size_bytes() + kEntryBytes;
}

}  // namespace

MemoryTier::Entries::iterator MemoryTier::find(const KeptSlot& slot) {
  const auto place = places_.find(slot.key);
  if (place == places_.end()) return entries_.end();
  return std::ranges::equal(place->second->tokens, slot.tokens) ? place->second : entries_.end();
}

std::vector<KeptPtr> MemoryTier::get(std::span<const KeptSlot> slots) {
  std::vector<KeptPtr> found(slots.size());
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto entry = find(slots[i]);
    if (entry == entries_.end()) {
      ++statistics_.misses;
      continue;
    }
    ++statistics_.hits;
    entries_.splice(entries_.begin(), entries_, entry);
    found[i] = entry->segment;
  }
  return found;
}

void MemoryTier::put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) {
  // Made before the lock and freed after it: entries are megabytes.
  Entries fresh;
  Entries gone;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (segments[i] == nullptr) continue;
    fresh.push_back({slots[i].key,
                     {slots[i].tokens.begin(), slots[i].tokens.end()},
                     segments[i],
                     weight(slots[i], *segments[i])});
  }
  const std::lock_guard lock(mutex_);
  while (!fresh.empty()) {
    const auto entry = fresh.begin();
    if (entry->bytes > bound_) {
      gone.splice(gone.end(), fresh, entry);
      continue;
    }
    if (const auto old = places_.find(entry->key); old != places_.end()) {
      statistics_.bytes -= old->second->bytes;
      gone.splice(gone.end(), entries_, old->second);
      places_.erase(old);
    }
    make_room(entry->bytes, gone);
    statistics_.bytes += entry->bytes;
    entries_.splice(entries_.begin(), fresh, entry);
    places_[entry->key] = entry;
  }
}

void MemoryTier::make_room(uint64_t more, Entries& out) {
  while (!entries_.empty() && statistics_.bytes + more > bound_) {
    const auto last = std::prev(entries_.end());
    statistics_.bytes -= last->bytes;
    ++statistics_.evictions;
    places_.erase(last->key);
    out.splice(out.end(), entries_, last);
  }
}

std::vector<bool> MemoryTier::exists(std::span<const KeptSlot> slots) {
  std::vector<bool> there(slots.size());
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < slots.size(); ++i) there[i] = find(slots[i]) != entries_.end();
  return there;
}

TierStatistics MemoryTier::statistics() const {
  const std::lock_guard lock(mutex_);
  TierStatistics now = statistics_;
  now.passages = entries_.size();
  return now;
}

void MemoryTier::raise_bound(uint64_t bound) {
  const std::lock_guard lock(mutex_);
  bound_ = std::max(bound_, bound);
}

uint64_t MemoryTier::bound() const {
  const std::lock_guard lock(mutex_);
  return bound_;
}

}  // namespace headwise
