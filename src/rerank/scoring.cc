// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/scoring.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace headwise {
namespace {

// Mean attention of a query's rows (shared ones included) to one key.
struct MeanAttention {
  const float* shared;
  const float* own;
  double rows;
  double at(int64_t key) const {
    return (static_cast<double>(shared[key]) + static_cast<double>(own[key])) / rows;
  }
};

}  // namespace

double keep_above(std::span<const double> calibrated, TokenFilter filter) {
  const size_t n = calibrated.size();
  if (filter != TokenFilter::kLow || n < 2) return -INFINITY;
  double mean = 0.0;
  for (double c : calibrated) mean += c;
  mean /= static_cast<double>(n);
  double squares = 0.0;
  for (double c : calibrated) squares += (c - mean) * (c - mean);
  return mean - 2.0 * std::sqrt(squares / static_cast<double>(n - 1));
}

double kept_sum(std::span<const double> calibrated, double bound) {
  double sum = 0.0;
  // The bound is strict, as in the method: of two or more tokens that are all alike none lies above it.
  for (double c : calibrated) {
    if (c > bound) sum += c;
  }
  return sum;
}

double filtered_sum(std::span<const double> calibrated, TokenFilter filter) {
  return kept_sum(calibrated, keep_above(calibrated, filter));
}

std::vector<double> TokenSums::of_seen() const {
  std::vector<double> values;
  for (size_t i = 0; i < sums.size(); ++i) {
    if (seen[i]) values.push_back(sums[i]);
  }
  return values;
}

double TokenSums::keep_above(TokenFilter filter) const { return headwise::keep_above(of_seen(), filter); }

double TokenSums::filtered_sum(TokenFilter filter) const { return headwise::filtered_sum(of_seen(), filter); }

double above_floor(double score) { return score + kLogFloor; }

double log_ratio(double query_score, double content_free_score) {
  return std::log(above_floor(query_score)) - std::log(above_floor(content_free_score));
}

double head_value(const HeadChannels& channels, Calibration calibration) {
  switch (calibration) {
    case Calibration::kNone:
      return channels.query;
    case Calibration::kNa:
      return channels.filtered;
    case Calibration::kRatio:
      break;
  }
  return log_ratio(channels.query, channels.content_free);
}

ScoreCollector::ScoreCollector(const BuiltPrompt& prompt, std::span<const HeadId> heads, TokenFilter filter,
                               size_t query)
    : prompt_(prompt),
      heads_(heads.begin(), heads.end()),
      filter_(filter),
      query_(query),
      values_(3 * heads.size() * prompt.spans.size(), 0.0f) {}

void ScoreCollector::keep_token_sums(std::vector<double> head_weights) {
  HW_CHECK(head_weights.size() == heads_.size());
  token_weights_ = std::move(head_weights);
  for (const TokenSpan& span : prompt_.spans) {
    token_sums_.emplace_back(span.tokens);
  }
}

void ScoreCollector::add(const LayerAttention& attention) {
  const auto count = [](const RowGroup& group) { return static_cast<double>(group.tokens); };
  const Rows rows{count(prompt_.shared_rows), count(prompt_.query_rows[query_]),
                  count(prompt_.content_free_rows)};
  for (size_t place = 0; place < attention.heads.size(); ++place) {
    const HeadId id{attention.layer, attention.heads[place]};
    const auto found = std::find(heads_.begin(), heads_.end(), id);
    HW_CHECK(found != heads_.end());
    const auto head = static_cast<size_t>(found - heads_.begin());
    for (size_t passage = 0; passage < prompt_.spans.size(); ++passage) {
      read(attention, place, head, passage, rows);
    }
  }
}

void ScoreCollector::read(const LayerAttention& attention, size_t place, size_t head, size_t passage,
                          const Rows& rows) {
  const auto at = static_cast<int64_t>(place);
  const bool content_free = rows.content_free > 0.0;
  const MeanAttention query{attention.of(at, kSharedRows), attention.of(at, row_group_of(query_)),
                            rows.shared + rows.query};
  const SpanKeys keys = attention.keys_of(prompt_.spans[passage]);
  double query_sum = 0.0;
  double content_free_sum = 0.0;
  of_query_.clear();
  of_content_free_.clear();
  calibrated_.clear();
  for (int64_t key = keys.first; key < keys.first + keys.count; ++key) {
    const double a = query.at(key);
    query_sum += a;
    of_query_.push_back(a);
    if (!content_free) continue;
    const MeanAttention empty{attention.of(at, kSharedRows), attention.of(at, kContentFreeRows),
                              rows.shared + rows.content_free};
    const double b = empty.at(key);
    content_free_sum += b;
    of_content_free_.push_back(b);
    calibrated_.push_back(a - b);
  }
  HeadReading reading{.head = head,
                      .passage = passage,
                      .keys = keys,
                      .query = of_query_,
                      .content_free = of_content_free_,
                      .calibrated = calibrated_,
                      .keep_above = 0.0,
                      .channels = {}};
  reading.channels.query = static_cast<float>(query_sum);
  if (content_free) {
    reading.keep_above = keep_above(calibrated_, filter_);
    reading.channels.content_free = static_cast<float>(content_free_sum);
    reading.channels.filtered = static_cast<float>(kept_sum(calibrated_, reading.keep_above));
  }
  keep(reading);
}

void ScoreCollector::keep(const HeadReading& reading) {
  const size_t passages = prompt_.spans.size();
  const size_t place = reading.head * passages + reading.passage;
  values_[place] = reading.channels.query;
  values_[heads_.size() * passages + place] = reading.channels.content_free;
  values_[2 * heads_.size() * passages + place] = reading.channels.filtered;
  if (!token_weights_.empty()) {
    TokenSums& of = token_sums_[reading.passage];
    for (size_t key = 0; key < reading.calibrated.size(); ++key) {
      const auto token = static_cast<size_t>(reading.keys.token(static_cast<int64_t>(key)));
      of.sums[token] += token_weights_[reading.head] * reading.calibrated[key];
      of.seen[token] = true;
    }
  }
  if (observer_) observer_(reading);
}

std::vector<double> ScoreCollector::scores_filtered_after_sum() const {
  std::vector<double> scores;
  for (const TokenSums& tokens : token_sums_) scores.push_back(tokens.filtered_sum(filter_));
  return scores;
}

std::vector<double> combine_heads(const HeadScores& scores, Calibration calibration,
                                  std::span<const double> weights) {
  std::vector<double> combined(static_cast<size_t>(scores.passages), 0.0);
  for (size_t h = 0; h < scores.heads.size(); ++h) {
    const auto head = static_cast<int64_t>(h);
    const double weight = weights.empty() ? 1.0 : weights[h];
    for (int64_t passage = 0; passage < scores.passages; ++passage) {
      const HeadChannels channels{scores.at(0, head, passage), scores.at(1, head, passage),
                                  scores.at(2, head, passage)};
      const double value = head_value(channels, calibration);
      combined[static_cast<size_t>(passage)] += weight * value;
    }
  }
  return combined;
}

}  // namespace headwise
