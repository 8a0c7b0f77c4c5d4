// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Several runs on the same judgements, compared with one of them. What `eval` prints and the report draws.
#pragma once

#include <string>
#include <vector>

#include "headwise/dataset.h"
#include "headwise/evaluation.h"
#include "headwise/significance.h"

namespace headwise {

struct EvaluatedRun {
  std::string name;
  Evaluation evaluation;
};

struct PairedComparison {
  size_t run = 0;  // compared with the baseline
  size_t measure = 0;
  PairedTest test;
  double holm_p = 1.0;  // of the t-test, over the runs compared on this measure
};

struct ComparisonTable {
  std::string title;  // the judgements' name
  std::vector<Measure> measures;
  std::vector<EvaluatedRun> runs;
  size_t baseline = 0;
  std::vector<PairedComparison> comparisons;  // by run, then measure; without the baseline itself

  const PairedComparison* find(size_t run, size_t measure) const;
};

// The level at which a difference is marked.
inline constexpr double kSignificanceLevel = 0.05;

// Values of both runs on the queries that both were measured on, in the baseline's order.
struct PairedValues {
  std::vector<std::string> query_ids;
  std::vector<double> baseline;
  std::vector<double> other;
};
PairedValues paired_values(const EvaluatedRun& baseline, const EvaluatedRun& other, size_t measure);

// Fills `comparisons`.
void compare_with_baseline(ComparisonTable& table, const PairedTestOptions& options);

}  // namespace headwise
