// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how far probabilities are to be trusted: reliability curves and the expected calibration
// error over bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017, arXiv 1706.04599), and how
// well they tell what came true from what did not, the area under the ROC curve.
#pragma once

#include <cstdint>
#include <optional>
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
  // Share of the pairs of one that came true and one that did not in which the first has the larger
  // probability, an equal one counting half (Mann-Whitney); nothing where there is no such pair.
  std::optional<double> auc;
};

Reliability reliability(std::span<const Forecast> forecasts, int bins = 10);

}  // namespace headwise
