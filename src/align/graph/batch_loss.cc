// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/batch_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "align/graph/running_mean.h"
#include "base/check.h"

namespace headwise {
namespace {

using torch::Tensor;

std::vector<double> row_values(const Tensor& row) {
  const Tensor values = row.detach().to(torch::kCPU).to(torch::kFloat64).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

// Places in ascending order of value, as ranks.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t i = 0; i < order.size(); ++i) ranks[order[i]] = static_cast<double>(i);
  return ranks;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

double margin_of(const std::vector<double>& logits, const std::vector<int>& grades) {
  double high = 0.0;
  double low = 0.0;
  int highs = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    (grades[i] > 0 ? high : low) += logits[i];
    highs += grades[i] > 0 ? 1 : 0;
  }
  const auto lows = static_cast<int>(logits.size()) - highs;
  return highs == 0 || lows == 0 ? 0.0 : high / highs - low / lows;
}

}  // namespace

Result<BatchLoss> batch_loss(Scorer& scorer, const TrainingBatch& batch, const LossOptions& options) {
  BatchLoss found;
  std::vector<std::string_view> texts;
  for (const BatchQuery& query : batch.queries) texts.push_back(query.text);
  auto logits = scorer.logits(texts, batch.passages);
  if (!logits) return fail(std::move(logits.error()).with_context("reading a batch of '" + batch.set + "'"));
  found.tokens = scorer.last_tokens();
  const bool graded = std::any_of(batch.queries.begin(), batch.queries.end(), [](const BatchQuery& query) {
    return query.teacher.empty() && !query.grades.empty();
  });
  Tensor frozen;
  if (graded ? options.against_frozen : batch.frozen > 0.0) {
    auto scored = scorer.frozen_logits(texts, batch.passages);
    HW_RETURN_IF_ERROR(scored);
    frozen = *scored;
  }
  std::vector<int> places(batch.passages.size());
  std::iota(places.begin(), places.end(), 0);
  RunningMean pair, regulariser, divergence, margin, rank_correlation;
  Tensor total;
  const auto add = [&](const Tensor& loss, double weight) {
    const Tensor weighted = loss * weight;
    total = total.defined() ? total + weighted : weighted;
  };
  for (size_t q = 0; q < batch.queries.size(); ++q) {
    const BatchQuery& query = batch.queries[q];
    const Tensor row = (*logits)[static_cast<int64_t>(q)];
    std::optional<Tensor> reference;
    if (frozen.defined()) reference = frozen[static_cast<int64_t>(q)];
    if (!query.teacher.empty()) {
      if (reference) *reference = *reference * batch.frozen;
      if (batch.bonus > 0.0 && !query.grades.empty()) {
        const Tensor known = grade_bonus(query.grades, batch.bonus).to(row.device());
        reference = reference ? *reference + known : known;
      }
      const double temperature = batch.temperature > 0.0 ? batch.temperature : options.temperature;
      const Tensor loss = listwise_divergence(row, query.teacher, temperature, reference);
      divergence.add(loss.item<double>());
      const std::vector<double> teacher(query.teacher.begin(), query.teacher.end());
      rank_correlation.add(correlation(ranks(row_values(row)), ranks(teacher)));
      add(loss, 1.0);
      continue;
    }
    if (const Tensor loss = pair_loss(row, query.grades, options.pairs, reference); loss.defined()) {
      pair.add(loss.item<double>());
      margin.add(margin_of(row_values(row), query.grades));
      add(loss, options.graded_loss_weight);
    }
    if (const Tensor loss = regulariser_loss(options.regulariser, row, query.grades, places);
        loss.defined()) {
      regulariser.add(loss.item<double>());
      add(loss, options.graded_loss_weight * options.regulariser_weight);
    }
  }
  found.pair = pair.value();
  found.regulariser = regulariser.value();
  found.divergence = divergence.value();
  found.margin = margin.value();
  found.rank_correlation = rank_correlation.value();
  if (total.defined()) found.value = total / static_cast<double>(batch.queries.size());
  return found;
}

}  // namespace headwise
