// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/reliability.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/check.h"

namespace headwise {

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
