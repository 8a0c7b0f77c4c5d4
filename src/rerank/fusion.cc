// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/fusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headwise {
namespace {

constexpr double kReciprocalRankOffset = 60.0;

void add_reciprocal_ranks(std::span<const double> scores, std::vector<double>& fused) {
  const std::vector<int> order = descending_order(scores);
  for (size_t rank = 0; rank < order.size(); ++rank) {
    fused[static_cast<size_t>(order[rank])] += 1.0 / (kReciprocalRankOffset + static_cast<double>(rank + 1));
  }
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

std::vector<double> fuse_weighted(std::span<const double> ours, std::span<const double> first_stage,
                                  double weight) {
  std::vector<double> fused = z_scores(ours);
  const std::vector<double> other = z_scores(first_stage);
  for (size_t i = 0; i < fused.size(); ++i) fused[i] += weight * other[i];
  return fused;
}

std::vector<double> fuse_reciprocal_ranks(std::span<const double> ours, std::span<const double> first_stage) {
  std::vector<double> fused(ours.size(), 0.0);
  add_reciprocal_ranks(ours, fused);
  add_reciprocal_ranks(first_stage, fused);
  return fused;
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
