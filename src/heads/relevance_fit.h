// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: relevance fitted to judged requests (docs/method.md#relevance): logistic regression in
// which every request counts the same, however many passages it has, and what it foretells of questions that
// it was not fitted to.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heads/relevance_samples.h"
#include "heads/reliability.h"
#include "headwise/relevance.h"

namespace headwise {

struct RelevanceFitOptions {
  double ridge = 1.0;
  int folds = 5;  // of questions, for what is foretold of those left out
};

// kInvalidInput: passages that are all relevant or none.
Result<RelevanceFit> fit_relevance(std::span<const RelevanceSamples> samples,
                                   const RelevanceFitOptions& options = {});

// What a fit foretells of one request's passages.
struct RequestForecast {
  std::string question;  // data and query
  int64_t candidates = 0;
  std::vector<Forecast> passages;
  std::vector<std::string> ids;  // of the passages; empty where the samples do not say them
};
std::vector<RequestForecast> forecasts(const RelevanceFit& fit, std::span<const RelevanceSamples> samples);
// Of every question, by the fit to the others: `folds` parts, drawn by the questions' names.
Result<std::vector<RequestForecast>> held_out_forecasts(std::span<const RelevanceSamples> samples,
                                                        const RelevanceFitOptions& options = {});

// Of the passages of all requests with low to high candidates.
Reliability reliability_at(std::span<const RequestForecast> requests, int64_t low, int64_t high);
// Of passages that one question asked about alone and again with low to high candidates in all: the share of
// these times in which the two relevances are no more than `apart` from each other. Nothing without such.
std::optional<double> share_as_alone(std::span<const RequestForecast> requests, int64_t low, int64_t high,
                                     double apart);

}  // namespace headwise
