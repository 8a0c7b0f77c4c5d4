// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: relevance, the score that compares between requests (docs/method.md#relevance): the
// logistic function of a weighted sum of what is known of a passage and of its request, fitted on judged
// questions (`headwise heads calibrate`) and kept in the head set. Platt 1999; with several features, as
// logistic regression.
//
// Thread rule: plain values and free functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// What of a request stands beside the passages' scores.
struct RequestFacts {
  int64_t passages = 0;        // read, windows of long ones each for itself
  int64_t passage_tokens = 0;  // of all of them
  // The share of their attention that the read heads pay to all passages together, at the query's rows and at
  // the content-free query's; the rest goes to prefix and own tokens. A mean over heads by the size of their
  // weights; 0 without a content-free query.
  double mass = 0.0;
  double empty_mass = 0.0;
};

struct RelevanceFit {
  double bias = 0.0;
  // By relevance_features(). A weight of a feature that rises with the passage's own score is not negative.
  std::vector<double> weights;
  std::vector<std::string> data;  // what it was fitted on: "dl21: 1,200 passages in 230 requests"
  std::optional<double> error;    // expected calibration error, on questions left out of the fit
};

struct RelevanceFeature {
  std::string_view name;
  bool of_passage;  // rises with the passage's own score; the others are the request's
};
std::span<const RelevanceFeature> relevance_features();

// [passages, features], of raw scores S in any order.
std::vector<std::vector<double>> relevance_values(const RequestFacts& facts, std::span<const double> scores);
// In [0, 1], by place: as in `scores`. A passage with a higher score never has less; equal scores are equal.
std::vector<double> relevance_of(const RelevanceFit& fit, const RequestFacts& facts,
                                 std::span<const double> scores);

// kInvalidInput: another number of weights, numbers that are not finite, a feature of a passage that counts
// against it.
Status check_relevance_fit(const RelevanceFit& fit);

}  // namespace headwise
