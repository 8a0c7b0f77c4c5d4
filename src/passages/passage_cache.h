// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the kept passages of one context, wherever they are: memory first, then the store. What
// a Reranker works with. Memory is one for all of a process whose model agrees (KeptContext::model), within
// the largest bound that any of them asks for; it goes with the last of them.
//
// Thread rule: any number of callers at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "headwise/error.h"
#include "headwise/keep.h"
#include "passages/kept_context.h"
#include "passages/passage_tier.h"
#include "passages/seen_once.h"

namespace headwise {

struct SharedPassages;

class PassageCache {
 public:
  using Slots = std::span<const std::span<const int32_t>>;  // token ids of each, separator included

  // kInvalidInput names what differs when the store was made with another model, adapter, template or form;
  // kNotFound, kIo for a folder that cannot be opened. A server that does not answer is no error: it may come
  // back. `reader` is for tests.
  static Result<std::shared_ptr<PassageCache>> open(const KeepOptions& options, KeptContext context,
                                                    SegmentReader reader = &read_kept_segment);

  const KeptContext& context() const { return context_; }
  // By place in `slots`; null: not kept. What is found has as many tokens as its slot and stands behind the
  // prefix.
  std::vector<KeptPtr> find(Slots slots);
  // What was encoded, in the context's form; null: nothing to keep.
  void keep(Slots slots, std::span<const KeptPtr> segments);
  // Without reading: for builds that go on. In memory does not count where there is a store.
  std::vector<bool> exists(Slots slots);

  // The prefix has a name of its own, is kept as it was run (never reduced), and is not counted.
  KeptPtr find_prefix();
  void keep_prefix(const KeptPtr& segment);

  KeepStatistics statistics() const;
  // Most bytes that are worth keeping of one request: what memory or the store holds, the larger.
  uint64_t room() const;

 private:
  PassageCache(const KeepOptions& options, KeptContext context);

  std::vector<KeptSlot> named(Slots slots) const;
  std::vector<KeptPtr> get(std::span<const KeptSlot> slots, int64_t first_position);
  // Fills the gaps of `found` from the store.
  void get_from_store(std::span<const KeptSlot> slots, std::vector<KeptPtr>& found);
  // What memory has, to a store that takes passages at second sight.
  void offer_to_store(std::span<const KeptSlot> slots, const std::vector<KeptPtr>& found);

  KeptContext context_;
  std::string digest_;
  std::string prefix_digest_;
  std::shared_ptr<SharedPassages> shared_;
  PassageTier* memory_ = nullptr;       // of shared_; null: not asked for
  std::shared_ptr<PassageTier> store_;  // null: none
  uint64_t store_room_ = 0;
  std::unique_ptr<SeenOnce> seen_;  // null: the store takes everything
};

}  // namespace headwise
