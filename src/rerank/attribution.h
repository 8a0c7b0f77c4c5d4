// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: scores split over tokens and heads (docs/method.md#explanations), from what the
// ScoreCollector sums. What it is not: a second way to compute a score; it is told the scores and its parts
// add up to them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "headwise/explanation.h"
#include "headwise/tokenizer.h"
#include "rerank/prompt_builder.h"
#include "rerank/scoring.h"

namespace headwise {

// (x - y) / (log x - log y), x where they are equal; both positive.
double logarithmic_mean(double x, double y);

// The head's value (head_value) split over the passage's tokens; adds up to it but for rounding in double.
// `none` and `na` are sums already. The log ratio is split by the logarithmic mean (Ang 2004, LMDI):
// log x - log y = (x - y) / L(x, y), and x - y is a sum over tokens.
std::vector<double> token_parts(const HeadReading& reading, Calibration calibration);

// Puts what is missing to `total` on the largest part, or the next ones, until the parts, added in order, are
// `total`. Parts that are zero stay zero.
void settle(std::span<double> parts, double total);

struct AttributionRules {
  Calibration calibration = Calibration::kNone;
  TokenFilter filter = TokenFilter::kNone;
  bool filter_after_sum = false;
  std::vector<double> head_weights;  // one for each head
  bool per_head = false;
};

class Attribution {
 public:
  Attribution(const BuiltPrompt& prompt, AttributionRules rules);

  // For ScoreCollector::observe.
  void add(const HeadReading& reading);
  // Once, after the pass: `scores` are S(d), `token_sums` the collector's with filter_after_sum. One entry a
  // passage, in request order; `score` is set to S.
  std::vector<ExplainedPassage> finish(const Tokenizer& tokenizer, std::span<const double> scores,
                                       const std::vector<TokenSums>& token_sums);

 private:
  void filter_sums(ExplainedPassage& passage, const TokenSums& sums);

  AttributionRules rules_;
  std::vector<ExplainedPassage> passages_;
};

}  // namespace headwise
