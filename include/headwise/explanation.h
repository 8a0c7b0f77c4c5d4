// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: why a passage got its score: the score split over the passage's tokens and over the
// heads that were read (docs/method.md#explanations). The split is of the very score that `rank` gives: both
// come from one reading of the attention.
//
//   auto explanation = reranker->explain("who wrote Emma?", passages, {.per_head = true});
//   for (const headwise::ExplainedToken& token : explanation->passages[0].tokens) use(token.weight);
//
// Thread rule: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headwise/reranker.h"

namespace headwise {

struct ExplainOptions {
  std::vector<HeadId> heads{};  // read these, weights 1, in place of the options' own; empty: the options'
  bool per_head = false;        // fill ExplainedPassage::heads: two numbers for each head, passage and token
  std::string instruction{};    // RankRequest::instruction
};

struct ExplainedToken {
  int32_t id = 0;
  size_t begin = 0;  // its bytes in ExplainedPassage::text; a character may be spread over several tokens
  size_t end = 0;
  double weight = 0.0;     // its part of the passage's attention score; negative: it speaks against it
  double attention = 0.0;  // uncalibrated: sum over heads of the head's weight * a_query[h](j)
  int dropped_by = 0;      // heads whose token filter left it out (with filter_after_sum: 0 or all)
};

// The same for one head.
struct HeadTokenView {
  double weight = 0.0;     // its part of this head's share
  double attention = 0.0;  // a_query[h](j), the head's own weight not in it
  bool dropped = false;
};

struct ExplainedPassage {
  int index = 0;                      // place in the request
  double score = 0.0;                 // the raw score of `rank`, bit for bit: S, or F when fused
  std::optional<double> relevance{};  // ScoredPassage::relevance
  double attention_score = 0.0;       // S, bit for bit; the tokens' weights, added in order, give it
  // F = ours + first stage, in this order; nothing without fusion.
  struct Fused {
    double ours = 0.0;
    double first_stage = 0.0;
  };
  std::optional<Fused> fused;
  // As ScoredPassage has them; the tokens are the best window's, and an empty passage has none.
  bool truncated = false;
  bool empty = false;
  std::optional<PassageWindow> window{};
  std::string text;  // what the summed tokens spell, one after the other: the passage as the model read it
  std::vector<ExplainedToken> tokens;
  std::vector<double> head_shares;                // by Explanation::heads: each head's part of S
  std::vector<std::vector<HeadTokenView>> heads;  // [head][token]; empty unless asked for
};

struct Explanation {
  std::vector<HeadId> heads;               // in the order they were given
  std::vector<double> head_weights;        // one for each; 1 unless the selection has its own
  std::vector<ExplainedPassage> passages;  // best first, as `rank` orders them; top_k of them
  RankingStatistics statistics;
};

}  // namespace headwise
