// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: kept passages in this process's memory, within a bound in bytes: what was used longest
// ago goes first. An entry weighs its segment, its tokens and what holds them. One that weighs more than the
// bound is not taken.
//
// Thread rule: any number of callers at once.
#pragma once

#include <list>
#include <mutex>
#include <unordered_map>

#include "passages/passage_tier.h"

namespace headwise {

class MemoryTier final : public PassageTier {
 public:
  explicit MemoryTier(uint64_t bound) : bound_(bound) {}

  std::vector<KeptPtr> get(std::span<const KeptSlot> slots) override;
  void put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) override;
  std::vector<bool> exists(std::span<const KeptSlot> slots) override;
  TierStatistics statistics() const override;

  // To the larger of the two.
  void raise_bound(uint64_t bound);
  uint64_t bound() const;

 private:
  struct Entry {
    PassageKey key;
    std::vector<int32_t> tokens;
    KeptPtr segment;
    uint64_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  Entries::iterator find(const KeptSlot& slot);
  // Moves entries from the end of the list to `out` until `more` bytes have room.
  void make_room(uint64_t more, Entries& out);

  mutable std::mutex mutex_;
  uint64_t bound_;
  Entries entries_;  // used last, first
  std::unordered_map<PassageKey, Entries::iterator, PassageKeyHash> places_;
  TierStatistics statistics_;
};

}  // namespace headwise
