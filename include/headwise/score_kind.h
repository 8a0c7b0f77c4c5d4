// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the scores of an answer are (docs/method.md#kinds-of-scores). A kind is a function
// of the raw scores of one request that rises with them: the order of a request is the same in every kind.
//
// Thread rule: free functions without state.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct ScoredPassage;  // headwise/reranker.h

enum class ScoreKind {
  kRaw,        // S, or F when fused: what the model gave; compares within one request
  kRelevance,  // in [0, 1], from a fit on judged questions: compares between requests
  kSoftmax,    // in (0, 1], sums to 1 over the request's passages; compares within one request
  kMinmax      // in [0, 1]: the worst 0, the best 1, all 1 where they are alike; likewise
};

// "raw", "relevance", "softmax", "minmax".
std::string_view to_string(ScoreKind kind);
// kUsage lists the words.
Result<ScoreKind> parse_score_kind(std::string_view word);
std::vector<std::string> score_kind_words();

// Scores of this kind in place of the raw ones. `hits` are all passages of one request, best first: what is
// left out before counts for nothing in softmax and minmax. kUsage when relevance is asked for and a hit has
// none; then nothing is changed.
Status express_scores(ScoreKind kind, std::span<ScoredPassage> hits);

// Leaves out what scores below `least`, in whatever kind the scores are.
void leave_out_below(double least, std::vector<ScoredPassage>& hits);

}  // namespace headwise
