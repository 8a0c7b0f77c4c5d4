// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one request's scores with its passages kept in one form after another: they are encoded
// once, as they are run, and each form is made of that and read. For measuring what forms cost (budgets by
// layer, tables of quality); a Reranker with RerankerOptions::keep gives the same scores.
//
// Thread rule: as Reranker, one call at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "decoder/decoder.h"
#include "decoder/kept_form.h"
#include "headwise/error.h"
#include "headwise/model.h"
#include "headwise/passage.h"
#include "headwise/reranker.h"
#include "rerank/prompt_builder.h"

namespace headwise {

class FormReader {
 public:
  // `options` as a Reranker has them; what they say of keeping, fusion and order is of no account. kUsage
  // unless they read blocks. `received`: forms may ask for BudgetTokens::kReceived, which costs a reading of
  // every head.
  static Result<FormReader> create(std::shared_ptr<const Model> model, RerankerOptions options,
                                   bool received);

  // Layers that a form has shares for: up to the deepest one with a read head.
  int layers() const { return deepest_ + 1; }
  // The request that is scored from now on.
  Status encode(std::string_view query, std::span<const Passage> passages, ProgressSink* progress);
  // S(d) of every passage; empty ones stand below the lowest.
  Result<std::vector<double>> scores(const KeptForm& form, ProgressSink* progress);
  // Of the passages in the form that was scored last.
  uint64_t bytes() const { return bytes_; }

 private:
  FormReader(std::shared_ptr<const Model> model, RerankerOptions options, std::vector<HeadId> heads,
             PromptRules rules, std::unique_ptr<Decoder> decoder);

  std::shared_ptr<const Model> model_;
  RerankerOptions options_;
  std::vector<HeadId> heads_;
  std::vector<double> weights_;
  PromptRules rules_;
  std::unique_ptr<Decoder> decoder_;
  int deepest_ = 0;
  bool received_ = false;
  std::optional<BuiltPrompt> prompt_;
  size_t in_request_ = 0;  // passages, empty ones among them
  std::shared_ptr<const KeptSegment> prefix_;
  std::vector<std::shared_ptr<const KeptSegment>> passages_;  // as run
  std::vector<std::vector<float>> received_by_;               // by passage
  uint64_t bytes_ = 0;
};

}  // namespace headwise
