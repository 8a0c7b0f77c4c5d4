// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one place where kept passages are: memory, a folder, a server. The three are behind this
// interface, and the cache (passage_cache.h) asks one after the other. A tier never fails a request: what it
// cannot get is missing, what it cannot keep is not kept, and its statistics say so.
//
// Thread rule: any number of callers at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decoder/kept_segment.h"
#include "passages/passage_key.h"

namespace headwise {

using KeptPtr = std::shared_ptr<const KeptSegment>;

// A slot that is looked for or kept: `tokens` are compared with those that stand beside what is found, so
// that no two passages are ever taken for each other.
struct KeptSlot {
  PassageKey key;
  std::span<const int32_t> tokens;
};

struct TierStatistics {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
  uint64_t errors = 0;
  uint64_t passages = 0;
  uint64_t bytes = 0;
  std::string last_error{};
};

class PassageTier {
 public:
  virtual ~PassageTier() = default;
  // By place in `slots`; null: not there. What is given stays alive with its owner, whatever the tier drops.
  // Bytes may still be on their way: KeptSegment::intact() has the last word, and what it denied is gone from
  // the next get().
  virtual std::vector<KeptPtr> get(std::span<const KeptSlot> slots) = 0;
  // By place in `slots`; null: nothing to keep.
  virtual void put(std::span<const KeptSlot> slots, std::span<const KeptPtr> segments) = 0;
  // By place in `slots`, without reading what is kept.
  virtual std::vector<bool> exists(std::span<const KeptSlot> slots) = 0;
  virtual TierStatistics statistics() const = 0;
  // What get() gives has travelled: worth keeping nearer. (Of a folder it has not: its pages are memory.)
  virtual bool far() const { return false; }
};

// How a tier makes segments of bytes: read_kept_segment(), or what a test puts in its place.
using SegmentReader = Result<KeptPtr> (*)(std::span<const std::byte> image,
                                          std::shared_ptr<const ImageBytes> bytes);

}  // namespace headwise
