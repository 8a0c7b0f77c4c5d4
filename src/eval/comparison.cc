// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "eval/comparison.h"

#include <algorithm>
#include <unordered_map>

namespace headwise {

const PairedComparison* ComparisonTable::find(size_t run, size_t measure) const {
  auto found = std::find_if(comparisons.begin(), comparisons.end(), [&](const PairedComparison& item) {
    return item.run == run && item.measure == measure;
  });
  return found == comparisons.end() ? nullptr : &*found;
}

PairedValues paired_values(const EvaluatedRun& baseline, const EvaluatedRun& other, size_t measure) {
  std::unordered_map<std::string_view, double> known;
  const Evaluation& values = other.evaluation;
  for (size_t i = 0; i < values.query_ids.size(); ++i)
    known.emplace(values.query_ids[i], values.values[measure][i]);
  PairedValues paired;
  const Evaluation& first = baseline.evaluation;
  for (size_t i = 0; i < first.query_ids.size(); ++i) {
    auto found = known.find(first.query_ids[i]);
    if (found == known.end()) continue;
    paired.query_ids.push_back(first.query_ids[i]);
    paired.baseline.push_back(first.values[measure][i]);
    paired.other.push_back(found->second);
  }
  return paired;
}

void compare_with_baseline(ComparisonTable& table, const PairedTestOptions& options) {
  table.comparisons.clear();
  for (size_t run = 0; run < table.runs.size(); ++run) {
    if (run == table.baseline) continue;
    for (size_t measure = 0; measure < table.measures.size(); ++measure) {
      const PairedValues values = paired_values(table.runs[table.baseline], table.runs[run], measure);
      table.comparisons.push_back({run, measure, paired_test(values.baseline, values.other, options), 1.0});
    }
  }
  for (size_t measure = 0; measure < table.measures.size(); ++measure) {
    std::vector<PairedComparison*> family;
    std::vector<double> p_values;
    for (PairedComparison& item : table.comparisons) {
      if (item.measure != measure || !item.test.t_test_p) continue;
      family.push_back(&item);
      p_values.push_back(*item.test.t_test_p);
    }
    const std::vector<double> adjusted = holm(p_values);
    for (size_t i = 0; i < family.size(); ++i) family[i]->holm_p = adjusted[i];
  }
}

}  // namespace headwise
