// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how far probabilities are to be trusted: reliability curves and the expected calibration
// error over bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017, arXiv 1706.04599).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace headwise {

struct Forecast {
  double probability = 0.0;  // in [0, 1]
  bool came_true = false;
};

struct ReliabilityBin {
  double low = 0.0;  // of the probabilities in it, the last bin's end included
  double high = 0.0;
  int64_t count = 0;
  double forecast = 0.0;  // mean probability; 0 where there is none
  double observed = 0.0;  // share that came true
};

struct Reliability {
  std::vector<ReliabilityBin> bins;
  int64_t count = 0;
  double base_rate = 0.0;  // share that came true
  double error = 0.0;      // sum over bins of count / all * |observed - forecast|
  double brier = 0.0;      // mean of (probability - outcome)^2
};

Reliability reliability(std::span<const Forecast> forecasts, int bins = 10);

}  // namespace headwise
