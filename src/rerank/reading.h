// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what one pass gives for one query, from its parts (windows) to the passages of the
// request: a passage has what its best part has.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "headwise/error.h"
#include "headwise/explanation.h"
#include "headwise/reranker.h"
#include "rerank/passage_parts.h"

namespace headwise {

struct RequestReading {
  HeadScores scores;
  RequestFacts facts;                       // of the parts
  std::vector<ScoredPassage> passages;      // in request order, score S; 0 for empty ones
  std::vector<ExplainedPassage> explained;  // S split, in request order; none unless asked for
};

// What the pass says of its parts.
struct PartsReading {
  HeadScores scores;
  std::vector<double> totals;
  std::vector<ExplainedPassage> explained;
};

// kInvalidInput for attention that is not a number.
Status check_finite(const HeadScores& scores);
// The passages of the request with their best parts' scores, in request order.
std::vector<ScoredPassage> scored_passages(std::span<const PassagePart> parts, std::span<const double> scores,
                                           size_t passages);
// `passages` of the request; an empty one has zeros. `explain`: null unless asked for.
RequestReading of_passages(PartsReading reading, std::span<const PassagePart> parts, size_t passages,
                           const ExplainOptions* explain);
// Counts of the parts.
void count_parts(std::span<const PassagePart> parts, size_t passages, RankingStatistics& statistics);

}  // namespace headwise
