// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: from attention sums to scores: means over rows, calibration, token filter, sums over
// passages (docs/method.md, section 3). Everything here is additions in double precision in one fixed order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headwise/reranker.h"
#include "model/decoder.h"
#include "rerank/prompt_builder.h"

namespace headwise {

// Order of the row groups that the decoder is asked for.
enum RowGroupPlace : int64_t { kSharedRows = 0, kQueryRows = 1, kContentFreeRows = 2 };

// Sum of the calibrated attention c of one passage's tokens, those below mean - 2 std left out when filtering
// (Chen et al. 2025, section 3.3; std with n - 1; fewer than two tokens: all are kept).
double filtered_sum(std::span<const double> calibrated, TokenFilter filter);

// log(s_query + 1e-7) - log(s_content_free + 1e-7): our ratio calibration.
double log_ratio(double query_score, double content_free_score);

// Collects one pass, layer by layer.
class ScoreCollector {
 public:
  // `heads` in the caller's order. Channels as in HeadScores; without content-free rows channels 1 and 2 stay
  // zero.
  ScoreCollector(const BuiltPrompt& prompt, std::span<const HeadId> heads, TokenFilter filter);
  // Also keeps the calibrated attention of every passage token, summed over heads with these weights: for
  // `filter_after_sum`.
  void keep_token_sums(std::vector<double> head_weights);

  void add(const LayerAttention& attention);

  std::vector<float> take_values() { return std::move(values_); }
  // Passage scores from the token sums, filtered once.
  std::vector<double> scores_filtered_after_sum() const;

 private:
  const BuiltPrompt& prompt_;
  std::vector<HeadId> heads_;
  TokenFilter filter_;
  std::vector<float> values_;                    // [3, heads, passages]
  std::vector<double> token_weights_;            // one per head; empty: token sums are not kept
  std::vector<std::vector<double>> token_sums_;  // per passage, per token
};

// S(d) for every passage: weighted sum over heads of channel 0 (`none`), channel 2 (`na`) or the log ratio of
// channels 0 and 1 (`ratio`).
std::vector<double> combine_heads(const HeadScores& scores, Calibration calibration,
                                  std::span<const double> weights);

}  // namespace headwise
