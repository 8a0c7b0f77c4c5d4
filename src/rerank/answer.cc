// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/answer.h"

#include <cmath>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "rerank/reranker_options.h"

namespace headwise {
namespace {

std::vector<int> order_of(std::span<const ScoredPassage> passages) {
  std::vector<double> scores;
  for (const ScoredPassage& passage : passages) scores.push_back(passage.score);
  return descending_order(scores);
}

}  // namespace

Result<std::vector<double>> first_stage_scores(const RerankerOptions& options,
                                               std::span<const Passage> passages) {
  std::vector<double> scores;
  if (options.fusion == Fusion::kNone) return scores;
  for (const Passage& passage : passages) {
    if (!passage.first_stage_score) {
      return fail(ErrorCode::kUsage,
                  "--fuse needs the first stage's score of every passage; give a run with "
                  "scores, or \"score\" fields in the documents");
    }
    scores.push_back(*passage.first_stage_score);
  }
  return scores;
}

FusionParts fusion_parts(const RerankerOptions& options, std::span<const double> ours,
                         std::span<const double> first_stage) {
  return options.fusion == Fusion::kWeighted ? weighted_parts(ours, first_stage, options.fusion_weight)
                                             : reciprocal_rank_parts(ours, first_stage);
}

std::vector<int> best_first(const RerankerOptions& options, std::span<const ScoredPassage> passages) {
  std::vector<int> order = order_of(passages);
  const auto wanted = static_cast<size_t>(options.top_k);
  if (wanted > 0 && order.size() > wanted) order.resize(wanted);
  return order;
}

Status check_min_score(std::optional<double> least, ScoreKind kind) {
  if (!least) return {};
  std::ostringstream shown;
  shown << *least;
  if (!std::isfinite(*least)) {
    return fail(ErrorCode::kUsage, "--min-score must be a number; found " + shown.str());
  }
  if (kind == ScoreKind::kRaw || *least <= 1.0) return {};
  return fail(ErrorCode::kUsage, "--min-score: expected 1 or less with --score " +
                                     std::string(to_string(kind)) + ", whose scores are from 0 to 1; found " +
                                     shown.str());
}

Result<AnswerWishes> answer_wishes(const RerankerOptions& options, const RankRequest& request) {
  if (request.score == ScoreKind::kRelevance && !options.relevance) return relevance_unknown();
  const AnswerWishes wishes{.score = request.score.value_or(options.score),
                            .min_score = request.min_score ? request.min_score : options.min_score,
                            .top_k = request.top_k.value_or(options.top_k)};
  if (wishes.top_k < 0) {
    return fail(ErrorCode::kUsage,
                "--top-k: expected 0 (all) or more; found " + std::to_string(wishes.top_k));
  }
  HW_RETURN_IF_ERROR(check_min_score(wishes.min_score, wishes.score));
  return wishes;
}

Result<AnswerRules> answer_rules(const RerankerOptions& options, const RankRequest& request) {
  auto first_stage = first_stage_scores(options, request.passages);
  HW_RETURN_IF_ERROR(first_stage);
  const auto wishes = answer_wishes(options, request);
  HW_RETURN_IF_ERROR(wishes);
  return AnswerRules{std::move(*first_stage), *wishes};
}

RequestFacts request_facts(const HeadScores& scores, std::span<const double> head_weights) {
  RequestFacts facts{.passages = scores.passages, .passage_tokens = scores.statistics.passage_tokens};
  double all = 0.0;
  for (const double weight : head_weights) all += std::abs(weight);
  if (!(all > 0.0)) return facts;
  for (size_t h = 0; h < scores.heads.size(); ++h) {
    double query = 0.0;
    double content_free = 0.0;
    for (int64_t passage = 0; passage < scores.passages; ++passage) {
      query += static_cast<double>(scores.at(0, static_cast<int64_t>(h), passage));
      content_free += static_cast<double>(scores.at(1, static_cast<int64_t>(h), passage));
    }
    facts.mass += std::abs(head_weights[h]) / all * query;
    facts.empty_mass += std::abs(head_weights[h]) / all * content_free;
  }
  return facts;
}

std::vector<double> known_relevance(const RerankerOptions& options, bool own_heads, const RequestFacts& facts,
                                    std::span<const double> scores) {
  if (!own_heads || !options.relevance) return {};
  return relevance_of(*options.relevance, facts, scores);
}

Result<std::vector<ScoredPassage>> answer(std::span<const ScoredPassage> passages,
                                          const AnswerWishes& wishes) {
  std::vector<ScoredPassage> hits;
  for (const int index : order_of(passages)) hits.push_back(passages[static_cast<size_t>(index)]);
  HW_RETURN_IF_ERROR(express_scores(wishes.score, hits));
  if (wishes.min_score) leave_out_below(*wishes.min_score, hits);
  const auto wanted = static_cast<size_t>(wishes.top_k);
  if (wanted > 0 && hits.size() > wanted) hits.resize(wanted);
  return hits;
}

}  // namespace headwise
