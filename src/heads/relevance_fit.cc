// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/relevance_fit.h"

#include <utility>

#include "base/check.h"
#include "base/fnv.h"
#include "heads/logistic.h"

namespace headwise {
namespace {

std::vector<bool> not_negative() {
  std::vector<bool> bounded;
  for (const RelevanceFeature& feature : relevance_features()) bounded.push_back(feature.of_passage);
  return bounded;
}

// A request's passages count as much as one together.
void add_samples(const JudgedRequest& request, std::vector<LogisticSample>& to) {
  auto values = relevance_values(request.facts, request.scores);
  const auto passages = static_cast<double>(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    to.push_back(
        {.features = std::move(values[i]), .positive = request.relevant[i], .count = 1.0 / passages});
  }
}

Result<RelevanceFit> fit_to(const std::vector<LogisticSample>& samples, double ridge) {
  size_t positive = 0;
  for (const LogisticSample& sample : samples) positive += sample.positive ? 1 : 0;
  if (positive == 0 || positive == samples.size()) {
    return fail(ErrorCode::kInvalidInput,
                "of " + std::to_string(samples.size()) + " judged passages " + std::to_string(positive) +
                    " are relevant; a fit needs both kinds: take more questions, or another --grade");
  }
  const LogisticFit found = fit_logistic(samples, not_negative(), ridge);
  return RelevanceFit{.bias = found.bias, .weights = found.weights, .data = {}, .error = {}};
}

int part_of(const std::string& query, int parts) {
  Fnv hash;
  hash.add(std::span<const char>(query));
  return static_cast<int>(hash.value() % static_cast<uint64_t>(parts));
}

RequestForecast forecast(const RelevanceFit& fit, const JudgedRequest& request) {
  RequestForecast told{.candidates = static_cast<int64_t>(request.scores.size()), .passages = {}};
  const std::vector<double> relevance = relevance_of(fit, request.facts, request.scores);
  for (size_t i = 0; i < relevance.size(); ++i) told.passages.push_back({relevance[i], request.relevant[i]});
  return told;
}

}  // namespace

Result<RelevanceFit> fit_relevance(std::span<const RelevanceSamples> samples,
                                   const RelevanceFitOptions& options) {
  std::vector<LogisticSample> rows;
  std::vector<std::string> data;
  for (const RelevanceSamples& set : samples) {
    const size_t before = rows.size();
    for (const JudgedRequest& request : set.requests) add_samples(request, rows);
    data.push_back(set.data + ": " + std::to_string(rows.size() - before) + " passages in " +
                   std::to_string(set.requests.size()) + " requests");
  }
  auto fit = fit_to(rows, options.ridge);
  if (fit) fit->data = std::move(data);
  return fit;
}

std::vector<RequestForecast> forecasts(const RelevanceFit& fit, std::span<const RelevanceSamples> samples) {
  std::vector<RequestForecast> told;
  for (const RelevanceSamples& set : samples) {
    for (const JudgedRequest& request : set.requests) told.push_back(forecast(fit, request));
  }
  return told;
}

Result<std::vector<RequestForecast>> held_out_forecasts(std::span<const RelevanceSamples> samples,
                                                        const RelevanceFitOptions& options) {
  HW_CHECK(options.folds > 1);
  std::vector<RequestForecast> told;
  for (int part = 0; part < options.folds; ++part) {
    std::vector<LogisticSample> rows;
    std::vector<const JudgedRequest*> left_out;
    for (const RelevanceSamples& set : samples) {
      for (const JudgedRequest& request : set.requests) {
        if (part_of(set.data + "/" + request.query, options.folds) == part) {
          left_out.push_back(&request);
        } else {
          add_samples(request, rows);
        }
      }
    }
    if (left_out.empty()) continue;
    const auto fit = fit_to(rows, options.ridge);
    if (!fit) return fail(Error(fit.error()).with_context("fitting without a fifth of the questions"));
    for (const JudgedRequest* request : left_out) told.push_back(forecast(*fit, *request));
  }
  return told;
}

Reliability reliability_at(std::span<const RequestForecast> requests, int64_t low, int64_t high) {
  std::vector<Forecast> passages;
  for (const RequestForecast& request : requests) {
    if (request.candidates < low || request.candidates > high) continue;
    passages.insert(passages.end(), request.passages.begin(), request.passages.end());
  }
  return reliability(passages);
}

}  // namespace headwise
