// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/relevance_fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
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

std::string question_of(const RelevanceSamples& samples, const JudgedRequest& request) {
  return samples.data + "/" + request.query;
}

RequestForecast forecast(const RelevanceFit& fit, const RelevanceSamples& samples,
                         const JudgedRequest& request) {
  RequestForecast told{.question = question_of(samples, request),
                       .candidates = static_cast<int64_t>(request.scores.size()),
                       .passages = {},
                       .ids = request.ids};
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
    for (const JudgedRequest& request : set.requests) told.push_back(forecast(fit, set, request));
  }
  return told;
}

Result<std::vector<RequestForecast>> held_out_forecasts(std::span<const RelevanceSamples> samples,
                                                        const RelevanceFitOptions& options) {
  HW_CHECK(options.folds > 1);
  std::vector<RequestForecast> told;
  for (int part = 0; part < options.folds; ++part) {
    std::vector<LogisticSample> rows;
    std::vector<std::pair<const RelevanceSamples*, const JudgedRequest*>> left_out;
    for (const RelevanceSamples& set : samples) {
      for (const JudgedRequest& request : set.requests) {
        if (part_of(question_of(set, request), options.folds) == part) {
          left_out.emplace_back(&set, &request);
        } else {
          add_samples(request, rows);
        }
      }
    }
    if (left_out.empty()) continue;
    const auto fit = fit_to(rows, options.ridge);
    if (!fit) return fail(Error(fit.error()).with_context("fitting without a fifth of the questions"));
    for (const auto& [set, request] : left_out) told.push_back(forecast(*fit, *set, *request));
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

std::optional<double> share_as_alone(std::span<const RequestForecast> requests, int64_t low, int64_t high,
                                     double apart) {
  std::map<std::pair<std::string_view, std::string_view>, double> alone;
  for (const RequestForecast& request : requests) {
    if (request.candidates != 1 || request.ids.empty()) continue;
    alone[{request.question, request.ids.front()}] = request.passages.front().probability;
  }
  int64_t times = 0;
  int64_t near = 0;
  for (const RequestForecast& request : requests) {
    if (request.candidates < std::max<int64_t>(low, 2) || request.candidates > high) continue;
    for (size_t i = 0; i < request.ids.size(); ++i) {
      const auto found = alone.find({request.question, request.ids[i]});
      if (found == alone.end()) continue;
      ++times;
      near += std::abs(request.passages[i].probability - found->second) <= apart ? 1 : 0;
    }
  }
  if (times == 0) return std::nullopt;
  return static_cast<double>(near) / static_cast<double>(times);
}

}  // namespace headwise
