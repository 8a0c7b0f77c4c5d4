// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: logistic regression by Newton's method, with features whose weights may not be negative:
//
//   minimise  sum_i c_i * log loss(y_i, b + w.x_i)  +  ridge / 2 * |v|^2
//
// v: the weights of standardised features, so that the ridge does not depend on units; the bias is free. The
// loss is strictly convex; what would be negative is held at 0 and let go again where that helps.
#pragma once

#include <span>
#include <vector>

namespace headwise {

struct LogisticSample {
  std::vector<double> features;
  bool positive = false;
  double count = 1.0;
};

struct LogisticFit {
  double bias = 0.0;
  std::vector<double> weights;
};

// `not_negative`, one a feature. All samples have as many features, at least one of each kind is there.
LogisticFit fit_logistic(std::span<const LogisticSample> samples, const std::vector<bool>& not_negative,
                         double ridge);
double logistic_value(const LogisticFit& fit, std::span<const double> features);

}  // namespace headwise
