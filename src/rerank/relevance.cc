// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/relevance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "rerank/fusion.h"

namespace headwise {
namespace {

// What a feature is computed from.
struct Seen {
  double score = 0.0;
  double standing = 0.0;  // z-score among the request's passages
  double lead = 0.0;      // before the next best one; of all others: behind the best, negative
  double candidates = 0.0;
  double tokens = 0.0;
  double mass = 0.0;
  double empty_mass = 0.0;
};

struct Row {
  RelevanceFeature feature;
  double (*of)(const Seen& seen);
};

double log_odds(double share) {
  constexpr double kFloor = 1e-6;
  const double bounded = std::clamp(share, kFloor, 1.0 - kFloor);
  return std::log(bounded) - std::log1p(-bounded);
}

// Attention is shared out among the candidates, so a score is also taken by as many as there are.
constexpr std::array<Row, 9> kRows{{
    {{"score", true}, [](const Seen& seen) { return std::asinh(seen.score); }},
    {{"score_by_candidates", true},
     [](const Seen& seen) { return std::asinh(seen.score) * std::log(seen.candidates); }},
    {{"standing", true}, [](const Seen& seen) { return seen.standing; }},
    {{"lead", true}, [](const Seen& seen) { return std::asinh(seen.lead); }},
    {{"candidates", false}, [](const Seen& seen) { return std::log(seen.candidates); }},
    {{"candidates_squared", false},
     [](const Seen& seen) { return std::log(seen.candidates) * std::log(seen.candidates); }},
    {{"tokens", false}, [](const Seen& seen) { return std::log1p(seen.tokens); }},
    {{"mass", false}, [](const Seen& seen) { return log_odds(seen.mass); }},
    {{"empty_mass", false}, [](const Seen& seen) { return log_odds(seen.empty_mass); }},
}};

constexpr std::array<RelevanceFeature, kRows.size()> kFeatures = [] {
  std::array<RelevanceFeature, kRows.size()> features{};
  for (size_t i = 0; i < kRows.size(); ++i) features[i] = kRows[i].feature;
  return features;
}();

// Before the best of the others.
std::vector<double> leads(std::span<const double> scores) {
  std::vector<double> lead(scores.size(), 0.0);
  if (scores.size() < 2) return lead;
  const std::vector<int> order = descending_order(scores);
  const double best = scores[static_cast<size_t>(order[0])];
  const double second = scores[static_cast<size_t>(order[1])];
  for (size_t i = 0; i < scores.size(); ++i) lead[i] = scores[i] < best ? scores[i] - best : best - second;
  return lead;
}

double logistic(double x) {
  return x >= 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

}  // namespace

std::span<const RelevanceFeature> relevance_features() { return kFeatures; }

std::vector<std::vector<double>> relevance_values(const RequestFacts& facts, std::span<const double> scores) {
  const std::vector<double> standing = z_scores(scores);
  const std::vector<double> lead = leads(scores);
  const auto passages = static_cast<double>(std::max<int64_t>(facts.passages, 1));
  Seen seen{.candidates = passages,
            .tokens = static_cast<double>(facts.passage_tokens) / passages,
            .mass = facts.mass,
            .empty_mass = facts.empty_mass};
  std::vector<std::vector<double>> values;
  for (size_t i = 0; i < scores.size(); ++i) {
    seen.score = scores[i];
    seen.standing = standing[i];
    seen.lead = lead[i];
    values.emplace_back();
    for (const Row& row : kRows) values.back().push_back(row.of(seen));
  }
  return values;
}

std::vector<double> relevance_of(const RelevanceFit& fit, const RequestFacts& facts,
                                 std::span<const double> scores) {
  HW_CHECK(fit.weights.size() == kRows.size());
  const std::vector<std::vector<double>> values = relevance_values(facts, scores);
  std::vector<double> relevance(scores.size());
  double bound = 1.0;  // rounding must not turn two passages around
  for (const int index : descending_order(scores)) {
    const auto i = static_cast<size_t>(index);
    double sum = fit.bias;
    for (size_t k = 0; k < kRows.size(); ++k) sum += fit.weights[k] * values[i][k];
    bound = std::min(bound, logistic(sum));
    relevance[i] = bound;
  }
  return relevance;
}

Status check_relevance_fit(const RelevanceFit& fit) {
  if (fit.weights.size() != kRows.size()) {
    return fail(ErrorCode::kInvalidInput, "a fit of relevance has " + std::to_string(kRows.size()) +
                                              " weights, found " + std::to_string(fit.weights.size()));
  }
  if (!std::isfinite(fit.bias)) return fail(ErrorCode::kInvalidInput, "the bias of relevance is no number");
  for (size_t k = 0; k < kRows.size(); ++k) {
    const std::string name(kRows[k].feature.name);
    if (!std::isfinite(fit.weights[k])) {
      return fail(ErrorCode::kInvalidInput, "the weight '" + name + "' of relevance is no number");
    }
    if (kRows[k].feature.of_passage && fit.weights[k] < 0.0) {
      return fail(ErrorCode::kInvalidInput, "the weight '" + name +
                                                "' of relevance must not be negative: it would turn the "
                                                "order around");
    }
  }
  return {};
}

}  // namespace headwise
