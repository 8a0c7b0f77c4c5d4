// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the kept passages of one context, wherever they are: memory first, then the store. What
// a Reranker works with. Memory is one for all of a process whose model agrees (KeptContext::model), within
// the largest bound that any of them asks for.
//
// Thread rule: any number of callers at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decoder/kept_segment.h"
#include "headwise/error.h"
#include "headwise/keep.h"
#include "passages/kept_context.h"
#include "passages/passage_tier.h"

namespace headwise {

class PassageCache {
 public:
  // kInvalidInput names what differs when the store was made with another model, adapter, template or form;
  // kNotFound, kIo for a folder that cannot be opened. A server that does not answer is no error: it may come
  // back.
  static Result<std::shared_ptr<PassageCache>> open(const KeepOptions& options, KeptContext context);

  const KeptContext& context() const { return context_; }
  // By place in `slots` (token ids of each, separator included); null: not kept.
  std::vector<std::shared_ptr<const KeptSegment>> find(std::span<const std::span<const int32_t>> slots);
  // What was encoded, in the context's form.
  void keep(std::span<const std::span<const int32_t>> slots,
            std::span<const std::shared_ptr<const KeptSegment>> segments);
  // Without reading: for builds that go on.
  std::vector<bool> exists(std::span<const std::span<const int32_t>> slots);
  KeepStatistics statistics() const;
  // Most bytes that are worth keeping of one request: what memory and store together hold.
  uint64_t room() const;

 private:
  PassageCache(KeptContext context, std::vector<std::shared_ptr<PassageTier>> tiers);

  KeptContext context_;
  std::string digest_;
  std::vector<std::shared_ptr<PassageTier>> tiers_;  // nearest first
};

}  // namespace headwise
