// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: from the passages' attention scores to those that order them: the first stage's share,
// the place of empty passages, relevance. What a caller gets of them is rerank/answer.h's.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "headwise/reranker.h"
#include "rerank/fusion.h"

namespace headwise {

// `passages` in request order, score S: F in its place where the options fuse, over those that are not empty;
// empty ones one mean step below the lowest. What was fused, by passage; zeros for empty ones.
std::optional<FusionParts> finish_scores(const RerankerOptions& options, std::span<const double> first_stage,
                                         std::span<ScoredPassage> passages);

// ScoredPassage::relevance where the heads read (`own_heads`: the options') have a fit of it, of scores S; 0
// of empty passages.
void set_relevance(const RerankerOptions& options, bool own_heads, const RequestFacts& facts,
                   std::span<ScoredPassage> passages);

}  // namespace headwise
