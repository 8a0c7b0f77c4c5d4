// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the one table of (backend, precision) -> tolerance that numeric tests use
// (tolerances.tsv), and the bound of a sum's rounding error that tests of single operations are built from.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace headwise {

struct Tolerance {
  double unit = 0.0;    // the largest relative error of one rounding, "u"
  double score = 0.0;   // heads' scores, rankings' scores
  double hidden = 0.0;  // hidden states, relative to the vector
  double way = 0.0;     // the same between two orders of adding up on one backend
  double loss = 0.0;    // training losses, relative
};

// Backends "cpu" (every instruction set) and "torch" (the training graph); precision "fp32". Ends the program
// when the table has no such row: a test without a tolerance has nothing to say.
const Tolerance& tolerance(std::string_view backend, std::string_view precision);

// Relative error of `n` roundings one after the other, with respect to the sum of the magnitudes that are
// added up (Higham 2002, lemma 3.1): what no order of additions exceeds.
inline double rounding_bound(int64_t n, double unit) {
  const double nu = static_cast<double>(n) * unit;
  return nu / (1.0 - nu);
}
// The same for roundings that are as if independent (Higham and Mary 2019, theorem 2.4), which holds but for
// a probability of 2 exp(-lambda^2 / 2), here 4e-8 for a value: a tighter bound for long sums of seeded
// values.
inline double likely_rounding_bound(int64_t n, double unit) {
  constexpr double kLambda = 6.0;
  const double root = kLambda * std::sqrt(static_cast<double>(n)) * unit;
  return std::fmin(rounding_bound(n, unit), std::expm1(root + static_cast<double>(n) * unit * unit));
}

}  // namespace headwise
