// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: from the scores of one pass to what a caller gets of them: fused with the first stage,
// in order, of the kind asked for, cut (docs/method.md#kinds-of-scores).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "headwise/reranker.h"
#include "rerank/fusion.h"

namespace headwise {

// The first stage's scores where the options fuse, none otherwise. kUsage when one lacks.
Result<std::vector<double>> first_stage_scores(const RerankerOptions& options,
                                               std::span<const Passage> passages);
FusionParts fusion_parts(const RerankerOptions& options, std::span<const double> ours,
                         std::span<const double> first_stage);

// The places that are returned where nothing is said of scores: top_k, best first.
std::vector<int> best_first(const RerankerOptions& options, std::span<const ScoredPassage> passages);

// What is said where relevance is asked for and there is no fit: kUsage.
tl::unexpected<Error> relevance_unknown();

// Of RerankerOptions or RankRequest: kUsage for what is no number, and for more than any score of the kind
// can be, which would leave nothing.
Status check_min_score(std::optional<double> least, ScoreKind kind);

// What a request asks of its answer.
struct AnswerWishes {
  ScoreKind score = ScoreKind::kRaw;
  std::optional<double> min_score;
  int top_k = 0;
};
// kUsage as check_min_score().
Result<AnswerWishes> answer_wishes(const RerankerOptions& options, const RankRequest& request);

// What an answer is made by beside the scores of the pass. What is wrong with a request is said here, before
// the pass: the errors of both.
struct AnswerRules {
  std::vector<double> first_stage;
  AnswerWishes wishes;
};
Result<AnswerRules> answer_rules(const RerankerOptions& options, const RankRequest& request);

// Of what was read with these weights of the heads.
RequestFacts request_facts(const HeadScores& scores, std::span<const double> head_weights);

// By place; empty where the heads read (`own_heads`: the options') have no fit of it.
std::vector<double> known_relevance(const RerankerOptions& options, bool own_heads, const RequestFacts& facts,
                                    std::span<const double> scores);

// `passages` in request order, with their final scores. kUsage as express_scores().
Result<std::vector<ScoredPassage>> answer(std::span<const ScoredPassage> passages,
                                          const AnswerWishes& wishes);

}  // namespace headwise
