// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: whether two runs differ by more than chance, judged on the same queries: Student's
// paired t-test, the paired randomisation test (Smucker, Allan and Carterette, CIKM 2007), and Holm's
// correction for several comparisons.
//
// Thread rule: free functions without state. The randomisation test is seeded: the same input gives the same
// bits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace headwise {

struct PairedTestOptions {
  uint64_t seed = 1;
  int64_t samples =
      100'000;               // sign flips drawn; all 2^n are counted instead when there are no more than this
  double confidence = 0.95;  // of the interval
};

struct PairedTest {
  size_t queries = 0;
  double mean_difference = 0.0;  // of b - a
  std::optional<double> low;     // interval of the mean difference by Student's t; nothing below two queries
  std::optional<double> high;
  std::optional<double> t;                // nothing below two queries, or when every difference is the same
  std::optional<double> t_test_p;         // two-sided; 1 when a and b are equal everywhere
  double randomisation_p = 1.0;           // two-sided
  bool exact = false;                     // all sign flips were counted
  size_t wins = 0, ties = 0, losses = 0;  // queries where b is above, equal to, below a
};

// a[i] and b[i] belong to the same query.
PairedTest paired_test(std::span<const double> a, std::span<const double> b,
                       const PairedTestOptions& options);

// Holm's step-down: adjusted p-values in the given order, to be compared with the level itself.
std::vector<double> holm(std::span<const double> p_values);

// P(|T| >= |t|) for Student's T with `freedom` degrees of freedom, and the t above which `tail` of T lies.
double student_two_sided(double t, double freedom);
double student_quantile(double tail, double freedom);

}  // namespace headwise
