// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/evaluation.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"
#include "eval/middle_zone.h"
#include "headwise/evaluation.h"
#include "rerank/fusion.h"

namespace headwise {
namespace {

constexpr double kFusionWeight = 0.7;

RunQuery ranked(const GradedQuery& query, std::span<const double> scores) {
  RunQuery run{query.id, {}};
  const std::vector<int> order = descending_order(scores);
  for (size_t i = 0; i < order.size(); ++i) {
    const auto place = static_cast<size_t>(order[i]);
    run.entries.push_back(
        {query.candidates[place].passage.id, 1.0 / static_cast<double>(i + 1), static_cast<int>(i + 1)});
  }
  return run;
}

Result<double> mean_ndcg(const HeldOutSet& set, const Run& run) {
  const auto measures = parse_measures("ndcg@10");
  HW_RETURN_IF_ERROR(measures);
  auto evaluation = evaluate(set.qrels, run, *measures, {});
  HW_RETURN_IF_ERROR(evaluation);
  return evaluation->means.front();
}

}  // namespace

Result<HeldOutResult> evaluate_held_out(const Scorer& scorer, const std::vector<HeldOutSet>& sets,
                                        const std::function<bool()>& stop) {
  torch::NoGradGuard no_grad;
  HeldOutResult result;
  for (const HeldOutSet& set : sets) {
    Run alone;
    Run fused;
    Run scored;  // alone, with the logits as scores
    for (const GradedQuery& query : set.queries) {
      if (stop && stop())
        return fail(ErrorCode::kCancelled, "interrupted while held-out queries were ranked");
      std::vector<Passage> passages;
      std::vector<double> first_stage;
      for (const GradedCandidate& candidate : query.candidates) {
        passages.push_back(candidate.passage);
        first_stage.push_back(candidate.passage.first_stage_score.value_or(0.0));
      }
      const std::string_view text = query.text;
      auto logits = scorer.logits(std::span(&text, 1), passages);
      if (!logits)
        return fail(std::move(logits.error()).with_context("ranking held-out query '" + query.id + "'"));
      const torch::Tensor row = (*logits)[0].to(torch::kCPU).to(torch::kFloat64).contiguous();
      const std::span<const double> scores(row.data_ptr<double>(), static_cast<size_t>(row.numel()));
      alone.queries.push_back(ranked(query, scores));
      scored.queries.push_back(alone.queries.back());
      std::vector<double> descending(scores.begin(), scores.end());
      std::sort(descending.begin(), descending.end(), std::greater<>());
      for (size_t i = 0; i < descending.size(); ++i) scored.queries.back().entries[i].score = descending[i];
      fused.queries.push_back(ranked(query, weighted_parts(scores, first_stage, kFusionWeight).sums()));
    }
    HeldOutFigures figures;
    figures.set = set.spec.name();
    figures.queries = static_cast<int>(set.qrels.queries.size());
    const std::pair<const Run*, double*> runs[] = {
        {&set.run, &figures.first_stage}, {&alone, &figures.alone}, {&fused, &figures.fused}};
    for (const auto& [run, figure] : runs) {
      auto mean = mean_ndcg(set, *run);
      HW_RETURN_IF_ERROR(mean);
      *figure = *mean;
    }
    auto zone = middle_zone_figures(scored, set.run, set.qrels, 0, false);
    HW_RETURN_IF_ERROR(zone);
    figures.relevant_rate = zone->relevant_rate;
    figures.irrelevant_rate = zone->irrelevant_rate;
    figures.deviation_inside = zone->deviation_inside;
    figures.deviation_outside = zone->deviation_outside;
    result.sets.push_back(std::move(figures));
  }
  return result;
}

}  // namespace headwise
