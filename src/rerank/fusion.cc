// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/fusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headwise {
namespace {

constexpr double kReciprocalRankOffset = 60.0;

std::vector<double> reciprocal_ranks(std::span<const double> scores) {
  std::vector<double> parts(scores.size());
  const std::vector<int> order = descending_order(scores);
  for (size_t rank = 0; rank < order.size(); ++rank) {
    parts[static_cast<size_t>(order[rank])] = 1.0 / (kReciprocalRankOffset + static_cast<double>(rank + 1));
  }
  return parts;
}

}  // namespace

std::vector<double> z_scores(std::span<const double> values) {
  std::vector<double> z(values.size(), 0.0);
  if (values.empty()) return z;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0.0;
  for (double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / n);
  if (!(deviation > 0.0)) return z;
  for (size_t i = 0; i < values.size(); ++i) z[i] = (values[i] - mean) / deviation;
  return z;
}

std::vector<double> FusionParts::sums() const {
  std::vector<double> fused = ours;
  for (size_t i = 0; i < fused.size(); ++i) fused[i] += first_stage[i];
  return fused;
}

FusionParts weighted_parts(std::span<const double> ours, std::span<const double> first_stage, double weight) {
  FusionParts parts{z_scores(ours), z_scores(first_stage)};
  for (double& part : parts.first_stage) part *= weight;
  return parts;
}

FusionParts reciprocal_rank_parts(std::span<const double> ours, std::span<const double> first_stage) {
  return {reciprocal_ranks(ours), reciprocal_ranks(first_stage)};
}

std::vector<double> fuse_weighted(std::span<const double> ours, std::span<const double> first_stage,
                                  double weight) {
  return weighted_parts(ours, first_stage, weight).sums();
}

std::vector<double> fuse_reciprocal_ranks(std::span<const double> ours, std::span<const double> first_stage) {
  return reciprocal_rank_parts(ours, first_stage).sums();
}

std::vector<int> descending_order(std::span<const double> scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  return order;
}

}  // namespace headwise
