// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the page of `heads sensitivity`: what each layer of kept passages loses when it is
// pruned, and what a budget makes of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headwise {

struct SensitivityReport {
  std::string model;
  std::string source;  // data set and rule, in words
  int64_t queries = 0;
  std::vector<double> kept;                 // shares that the pruned layer kept
  std::vector<std::vector<double>> losses;  // 1 - tau, by share, by layer
  std::vector<double> mean;                 // over the shares
  // What split=depth gives each layer, by mean share.
  std::vector<double> budgets;
  std::vector<std::vector<float>> shares;
};

// One page that needs nothing else.
std::string sensitivity_html(const SensitivityReport& report);
// Its curves, one a share, the mean among them; also tested by itself.
std::string sensitivity_svg(const SensitivityReport& report);

}  // namespace headwise
