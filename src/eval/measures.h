// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The formulas: one query's ranked grades to one number. The table in measures.cc is the only list of
// measures.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace headwise {

// What a measure sees of one query.
struct JudgedRanking {
  std::vector<std::optional<int>> grades;  // by rank; nothing: not judged
  std::vector<int> ideal;                  // positive grades of all judged documents, best first
  size_t relevant = 0;                     // judged documents with a grade of at least `level`
  int level = 1;

  bool is_relevant(size_t place) const { return grades[place] && *grades[place] >= level; }
  // Ranks that a measure with this cut reads.
  size_t depth(int cut) const;
};

struct MeasureRow {
  std::string_view name;
  std::string_view trec_eval;      // without cut
  std::string_view trec_eval_cut;  // with cut: "ndcg_cut"
  bool takes_cut;
  bool needs_cut;
  std::string_view meaning;
  double (*value)(const JudgedRanking& ranking, int cut);
};

std::span<const MeasureRow> measure_table();

}  // namespace headwise
