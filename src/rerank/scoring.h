// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: from attention sums to scores: means over rows, calibration, token filter, sums over
// passages (docs/method.md#scores). Everything here is additions in double precision in one fixed order.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "decoder/layer_attention.h"
#include "headwise/reranker.h"
#include "rerank/prompt_builder.h"

namespace headwise {

// Order of the row groups that the decoder is asked for.
enum RowGroupPlace : int64_t { kSharedRows = 0, kQueryRows = 1, kContentFreeRows = 2 };
// Of the prompt's queries; those behind the first one come last.
inline int64_t row_group_of(size_t query) {
  return query == 0 ? int64_t{kQueryRows} : int64_t{kContentFreeRows} + static_cast<int64_t>(query);
}

// A token is kept when its calibrated attention lies above this: mean - 2 std when filtering (Chen et al.
// 2025, section 3.3; std with n - 1), minus infinity (all are kept) otherwise and with fewer than two tokens.
double keep_above(std::span<const double> calibrated, TokenFilter filter);

// Sum of the calibrated attention c of one passage's tokens that lie above the bound; with the bound of the
// filter.
double kept_sum(std::span<const double> calibrated, double bound);
double filtered_sum(std::span<const double> calibrated, TokenFilter filter);

// A passage's tokens over several layers, of which each may have some: sums over heads, and which tokens had
// a key in any of them. The filter works on those alone.
struct TokenSums {
  std::vector<double> sums;
  std::vector<bool> seen;

  explicit TokenSums(int64_t tokens) : sums(static_cast<size_t>(tokens)), seen(static_cast<size_t>(tokens)) {}
  double keep_above(TokenFilter filter) const;
  double filtered_sum(TokenFilter filter) const;

 private:
  std::vector<double> of_seen() const;
};

// What the ratio adds to a score before its logarithm.
inline constexpr double kLogFloor = 1e-7;
// log(s_query + 1e-7) - log(s_content_free + 1e-7): our ratio calibration.
double log_ratio(double query_score, double content_free_score);
// The score with the 1e-7 that the ratio adds before its logarithms.
double above_floor(double score);

// The three channels of HeadScores for one head and one passage.
struct HeadChannels {
  float query = 0.0f;
  float content_free = 0.0f;
  float filtered = 0.0f;
};

// What one head adds to a passage's score, before its weight: s of channel 0 (`none`) or 2 (`na`), or r.
double head_value(const HeadChannels& channels, Calibration calibration);

// What the sums of one head over one passage are made of: a number for each token that has a key in the
// head's layer. The spans live as long as the call they are given to.
struct HeadReading {
  size_t head = 0;                       // place in the caller's list
  size_t passage = 0;                    // place in the request
  SpanKeys keys;                         // of which tokens
  std::span<const double> query;         // a_query[h](j)
  std::span<const double> content_free;  // a_NA[h](j); empty without content-free rows
  std::span<const double> calibrated;    // their difference c[h](j); likewise
  double keep_above = 0.0;               // the filter's bound on c
  HeadChannels channels;
};

// Collects one pass, layer by layer.
class ScoreCollector {
 public:
  // `heads` in the caller's order; `query` is a place among the prompt's. Channels as in HeadScores; without
  // content-free rows channels 1 and 2 stay zero.
  ScoreCollector(const BuiltPrompt& prompt, std::span<const HeadId> heads, TokenFilter filter,
                 size_t query = 0);
  // Also keeps the calibrated attention of every passage token, summed over heads with these weights: for
  // `filter_after_sum`.
  void keep_token_sums(std::vector<double> head_weights);
  // Called for every head and passage, layer by layer, with what its channels were summed from.
  void observe(std::function<void(const HeadReading&)> observer) { observer_ = std::move(observer); }

  void add(const LayerAttention& attention);

  std::vector<float> take_values() { return std::move(values_); }
  // Passage scores from the token sums, filtered once.
  std::vector<double> scores_filtered_after_sum() const;
  const std::vector<TokenSums>& token_sums() const { return token_sums_; }

 private:
  struct Rows {
    double shared, query, content_free;
  };
  // One head of the layer, one passage.
  void read(const LayerAttention& attention, size_t place, size_t head, size_t passage, const Rows& rows);
  void keep(const HeadReading& reading);

  const BuiltPrompt& prompt_;
  std::vector<HeadId> heads_;
  TokenFilter filter_;
  size_t query_;
  std::vector<float> values_;          // [3, heads, passages]
  std::vector<double> token_weights_;  // one per head; empty: token sums are not kept
  std::vector<TokenSums> token_sums_;  // per passage
  std::function<void(const HeadReading&)> observer_;
  // Of the passage in hand.
  std::vector<double> of_query_;
  std::vector<double> of_content_free_;
  std::vector<double> calibrated_;
};

// S(d) for every passage: weighted sum over heads of channel 0 (`none`), channel 2 (`na`) or the log ratio of
// channels 0 and 1 (`ratio`).
std::vector<double> combine_heads(const HeadScores& scores, Calibration calibration,
                                  std::span<const double> weights);

}  // namespace headwise
