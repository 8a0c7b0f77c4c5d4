// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/attribution.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace headwise {
namespace {

double sum_in_order(std::span<const double> parts) {
  double sum = 0.0;
  for (double part : parts) sum += part;
  return sum;
}

// A channel is a sum rounded to float32; its parts are scaled by as much as it was rounded (6e-8 at most,
// unless it is too small for a float).
double rounding_of(float channel, double sum) {
  return sum == 0.0 ? 1.0 : static_cast<double>(channel) / sum;
}

}  // namespace

double logarithmic_mean(double x, double y) {
  if (x == y) return x;
  // Where the two are close log x - log y loses digits, where they are far apart x/y - 1 does.
  const bool close = x < 2.0 * y && y < 2.0 * x;
  return (x - y) / (close ? std::log1p((x - y) / y) : std::log(x) - std::log(y));
}

std::vector<double> token_parts(const HeadReading& reading, Calibration calibration) {
  std::vector<double> parts(reading.query.size());
  const HeadChannels& channels = reading.channels;
  const double of_query = rounding_of(channels.query, sum_in_order(reading.query));
  switch (calibration) {
    case Calibration::kNone:
      for (size_t j = 0; j < parts.size(); ++j) parts[j] = of_query * reading.query[j];
      break;
    case Calibration::kNa: {
      const double rounding =
          rounding_of(channels.filtered, kept_sum(reading.calibrated, reading.keep_above));
      for (size_t j = 0; j < parts.size(); ++j) {
        const double c = reading.calibrated[j];
        if (c > reading.keep_above) parts[j] = rounding * c;
      }
      break;
    }
    case Calibration::kRatio: {
      const double of_empty = rounding_of(channels.content_free, sum_in_order(reading.content_free));
      const double mean = logarithmic_mean(above_floor(channels.query), above_floor(channels.content_free));
      for (size_t j = 0; j < parts.size(); ++j) {
        parts[j] = (of_query * reading.query[j] - of_empty * reading.content_free[j]) / mean;
      }
      break;
    }
  }
  return parts;
}

void settle(std::span<double> parts, double total) {
  constexpr size_t kPartsTried = 16;
  // Where a sum is rounded on its way, the step that ends at `total` may be a little more or less than what
  // is missing.
  constexpr double kSteps[] = {1.0, 1.0, 0.5, 1.5, 0.75, 1.25, 2.0};
  double missing = total - sum_in_order(parts);
  if (missing == 0.0) return;
  std::vector<size_t> order;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] != 0.0) order.push_back(i);
  }
  const size_t tried = std::min(order.size(), kPartsTried);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(tried), order.end(),
                    [&](size_t a, size_t b) {
                      const double x = std::abs(parts[a]);
                      const double y = std::abs(parts[b]);
                      return x != y ? x > y : a < b;
                    });
  for (size_t i = 0; i < tried; ++i) {
    double& part = parts[order[i]];
    for (const double step : kSteps) {
      const double before = part;
      part += step * missing;
      const double now = total - sum_in_order(parts);
      if (now == 0.0) return;
      if (std::abs(now) < std::abs(missing)) {
        missing = now;
      } else {
        part = before;
      }
    }
  }
}

Attribution::Attribution(const BuiltPrompt& prompt, AttributionRules rules) : rules_(std::move(rules)) {
  const size_t heads = rules_.head_weights.size();
  for (size_t d = 0; d < prompt.spans.size(); ++d) {
    const TokenSpan& span = prompt.spans[d];
    ExplainedPassage passage;
    passage.index = static_cast<int>(d);
    const auto first = prompt.layout.ids.begin() + prompt.layout.token_of(span);
    for (auto id = first; id != first + span.tokens; ++id) passage.tokens.push_back({.id = *id});
    passage.head_shares.resize(heads);
    if (rules_.per_head || rules_.filter_after_sum) {
      passage.heads.assign(heads, std::vector<HeadTokenView>(passage.tokens.size()));
    }
    passages_.push_back(std::move(passage));
  }
}

void Attribution::add(const HeadReading& reading) {
  ExplainedPassage& passage = passages_[reading.passage];
  const double weight = rules_.head_weights[reading.head];
  const bool filtered = rules_.calibration == Calibration::kNa && !rules_.filter_after_sum;
  std::vector<double> parts;
  if (rules_.filter_after_sum) {
    // Nothing is known of the filter until all heads are in: c as it is.
    for (double c : reading.calibrated) parts.push_back(weight * c);
  } else {
    parts = token_parts(reading, rules_.calibration);
    for (double& part : parts) part *= weight;
    // The very product that combine_heads adds.
    const double share = weight * head_value(reading.channels, rules_.calibration);
    settle(parts, share);
    passage.head_shares[reading.head] = share;
  }
  for (size_t j = 0; j < parts.size(); ++j) {
    const auto place = static_cast<size_t>(reading.keys.token(static_cast<int64_t>(j)));
    ExplainedToken& token = passage.tokens[place];
    const bool dropped = filtered && !(reading.calibrated[j] > reading.keep_above);
    token.weight += parts[j];
    token.attention += weight * reading.query[j];
    token.dropped_by += dropped ? 1 : 0;
    if (!passage.heads.empty()) passage.heads[reading.head][place] = {parts[j], reading.query[j], dropped};
  }
}

// The filter of filter_after_sum: a token goes for every head or stays for every head.
void Attribution::filter_sums(ExplainedPassage& passage, const TokenSums& sums) {
  const double bound = sums.keep_above(rules_.filter);
  const size_t heads = rules_.head_weights.size();
  for (size_t j = 0; j < sums.sums.size(); ++j) {
    if (!sums.seen[j] || sums.sums[j] > bound) continue;
    passage.tokens[j].weight = 0.0;
    passage.tokens[j].dropped_by = static_cast<int>(heads);
    for (std::vector<HeadTokenView>& head : passage.heads) {
      head[j].weight = 0.0;
      head[j].dropped = true;
    }
  }
  for (size_t h = 0; h < heads; ++h) {
    for (const HeadTokenView& token : passage.heads[h]) passage.head_shares[h] += token.weight;
  }
  settle(passage.head_shares, passage.attention_score);
  for (size_t h = 0; h < heads; ++h) {
    std::vector<double> weights;
    for (const HeadTokenView& token : passage.heads[h]) weights.push_back(token.weight);
    settle(weights, passage.head_shares[h]);
    for (size_t j = 0; j < weights.size(); ++j) passage.heads[h][j].weight = weights[j];
  }
}

std::vector<ExplainedPassage> Attribution::finish(const Tokenizer& tokenizer, std::span<const double> scores,
                                                  const std::vector<TokenSums>& token_sums) {
  for (size_t d = 0; d < passages_.size(); ++d) {
    ExplainedPassage& passage = passages_[d];
    passage.score = passage.attention_score = scores[d];
    if (rules_.filter_after_sum) filter_sums(passage, token_sums[d]);
    std::vector<double> weights;
    for (ExplainedToken& token : passage.tokens) {
      token.begin = passage.text.size();
      passage.text += tokenizer.token_bytes(token.id);
      token.end = passage.text.size();
      weights.push_back(token.weight);
    }
    settle(weights, scores[d]);
    for (size_t j = 0; j < weights.size(); ++j) passage.tokens[j].weight = weights[j];
    if (!rules_.per_head) passage.heads.clear();
  }
  return std::move(passages_);
}

}  // namespace headwise
