// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/reliability.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/check.h"

namespace headwise {
namespace {

std::optional<double> area_under_curve(std::span<const Forecast> forecasts) {
  std::vector<Forecast> sorted(forecasts.begin(), forecasts.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const Forecast& a, const Forecast& b) { return a.probability < b.probability; });
  double false_below = 0.0;  // with a smaller probability
  double true_all = 0.0;
  double won = 0.0;
  for (size_t i = 0; i < sorted.size();) {
    double alike[2] = {0.0, 0.0};
    const double probability = sorted[i].probability;
    for (; i < sorted.size() && sorted[i].probability == probability; ++i) alike[sorted[i].came_true] += 1.0;
    won += alike[1] * (false_below + 0.5 * alike[0]);
    false_below += alike[0];
    true_all += alike[1];
  }
  if (true_all == 0.0 || false_below == 0.0) return std::nullopt;
  return won / (true_all * false_below);
}

}  // namespace

Reliability reliability(std::span<const Forecast> forecasts, int bins) {
  HW_CHECK(bins > 0);
  Reliability result;
  for (int bin = 0; bin < bins; ++bin) {
    result.bins.push_back({.low = static_cast<double>(bin) / bins, .high = (bin + 1.0) / bins});
  }
  for (const Forecast& forecast : forecasts) {
    const int place = std::clamp(static_cast<int>(forecast.probability * bins), 0, bins - 1);
    const double outcome = forecast.came_true ? 1.0 : 0.0;
    ReliabilityBin& bin = result.bins[static_cast<size_t>(place)];
    ++bin.count;
    bin.forecast += forecast.probability;
    bin.observed += outcome;
    result.base_rate += outcome;
    result.brier += (forecast.probability - outcome) * (forecast.probability - outcome);
  }
  result.count = static_cast<int64_t>(forecasts.size());
  if (result.count == 0) return result;
  result.auc = area_under_curve(forecasts);
  const auto all = static_cast<double>(result.count);
  result.base_rate /= all;
  result.brier /= all;
  for (ReliabilityBin& bin : result.bins) {
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    bin.forecast /= count;
    bin.observed /= count;
    result.error += count / all * std::abs(bin.observed - bin.forecast);
  }
  return result;
}

}  // namespace headwise
