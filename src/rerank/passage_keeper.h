// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a Reranker does with kept passages (docs/method.md#kept-passages): which segments
// of a prompt are given to the pass and which it is to keep. What is kept as it was run is kept from the
// request's own pass; for the other forms (KeptForm), passages that are missing are encoded by themselves
// first, so that the first request reads what later ones read.
//
// Thread rule: as Reranker, one call at a time. The cache behind it is shared.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decoder/decoder.h"
#include "headwise/error.h"
#include "headwise/model.h"
#include "headwise/progress.h"
#include "headwise/reranker.h"
#include "passages/passage_cache.h"
#include "rerank/late_rows.h"
#include "rerank/prompt_builder.h"
#include "rerank/token_memory.h"

namespace headwise {

// Options of kept passages that contradict each other or the encoding: kUsage.
Status check_keep_options(const RerankerOptions& options);

class PassageKeeper {
 public:
  using Slot = std::span<const int32_t>;
  using Segment = std::shared_ptr<const KeptSegment>;

  // Of one pass over a prompt.
  struct Part {
    std::vector<GivenSegment> given;
    std::vector<int> keep;  // segments
    int keep_until = -1;    // DecodeRequest::keep_until
    LateRows late;
    int64_t passages_kept = 0;  // found, not encoded for this request
    int64_t tokens_run = 0;     // of this pass and those that encoded what was missing
  };

  // Null when the options keep nothing. `deepest_layer` of the heads that the options name. `decoder` must
  // outlive the keeper. Errors: PassageCache::open's, and those of a prefix that cannot be tokenized.
  static Result<std::unique_ptr<PassageKeeper>> open(std::shared_ptr<const Model> model,
                                                     const RerankerOptions& options, const PromptRules& rules,
                                                     int deepest_layer, Decoder& decoder);

  // What is kept reaches as deep as these heads.
  bool serves(std::span<const HeadId> heads) const;
  // Looks for the prompt's passages. kCancelled, and whatever the decoder says, when missing ones had to be
  // encoded.
  Result<Part> prepare(const BuiltPrompt& prompt, ProgressSink* progress);
  // After the pass: what it was given is what was kept. Otherwise its results are worth nothing, and another
  // prepare() finds the damaged passages missing.
  static bool intact(const Part& part);
  // After the pass that `part` was for: takes what it kept.
  void take(const BuiltPrompt& prompt, const Part& part, const DecodeResult& decoded);
  // Encodes those passages that are not kept yet, some thousands of tokens a pass.
  Result<KeepReport> build(const PromptRules& rules, std::span<const Passage> passages,
                           ProgressSink* progress);
  // Of the passages of earlier requests.
  TokenMemory& tokens() { return tokens_; }
  KeepStatistics statistics() const { return cache_->statistics(); }

 private:
  PassageKeeper(std::shared_ptr<const Model> model, std::shared_ptr<PassageCache> cache, Decoder& decoder)
      : model_(std::move(model)),
        cache_(std::move(cache)),
        decoder_(decoder),
        late_(cache_->context().form.first_layer(), size_t{8} << 20) {}

  // The prefix of an earlier pass, of any engine's.
  void find_prefix();
  void take_prefix(Segment segment);
  // What the cache found, but for segments that are not kept as deep as its context says.
  std::vector<Segment> find(std::span<const Slot> slots);
  bool reaches(const Segment& segment) const;
  // In the cache's form, in passes of their own; each pass's segments are kept at once.
  Result<std::vector<Segment>> encode(std::span<const Slot> slots, ProgressSink* progress);
  // One pass.
  Result<std::vector<Segment>> encode_pass(std::span<const Slot> slots, ProgressSink* progress);
  uint64_t bytes_as_run(Slot slot) const;

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<PassageCache> cache_;
  Decoder& decoder_;
  TokenMemory tokens_{size_t{8} << 20};
  LateRowsMemory late_;
  Segment prefix_;  // as run; null until the first pass
};

}  // namespace headwise
