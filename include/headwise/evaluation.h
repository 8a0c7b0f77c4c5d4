// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: retrieval measures with trec_eval's values. The ranking of a query is the run's answers
// sorted as trec_eval sorts them, whatever their order in `Run`.
//
//   auto measures = headwise::parse_measures("ndcg@10,map,p@10");
//   auto evaluation = headwise::evaluate(qrels, run, *measures, {});
//   double ndcg = evaluation->means[0];
//
// Thread rule: plain values and free functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/qrels.h"
#include "headwise/run.h"

namespace headwise {

// A measure of the table that known_measures() lists, with its cut: "ndcg@10" reads ranks 1 to 10 alone.
struct Measure {
  std::string name;  // "ndcg@10": as it is shown
  size_t kind = 0;   // row of the table
  int cut = 0;       // 0: none
};

struct MeasureDescription {
  std::string name;       // "ndcg[@k]": k may be left out; "p@k": it may not
  std::string trec_eval;  // trec_eval's spelling, empty when it has none
  std::string meaning;
};
std::vector<MeasureDescription> known_measures();

// "ndcg@10,map,recip_rank,recall@100,p@10", also in trec_eval's spellings (ndcg_cut.10, P_10, recall_100).
// kUsage, with the list of known names, for anything else.
Result<std::vector<Measure>> parse_measures(std::string_view list);

struct EvaluationOptions {
  // Grades from here on count as relevant (trec_eval -l). The gains of ndcg are the grades themselves in any
  // case.
  int relevance_level = 1;
  // False: average over all queries of the judgements, a query that the run lacks counting 0 (trec_eval -c).
  // True: over the queries that both have, trec_eval's default.
  bool only_retrieved = false;
};

struct Evaluation {
  std::vector<Measure> measures;
  std::vector<std::string> query_ids;       // those averaged over, in the order of the judgements
  std::vector<std::vector<double>> values;  // values[measure][query]
  std::vector<double> means;                // one a measure
  std::vector<std::string> missing;         // judged queries that the run lacks
  std::vector<std::string> unjudged;        // queries of the run without judgements: left out
};

// kInvalidInput when judgements and run have no query in common.
Result<Evaluation> evaluate(const Qrels& qrels, const Run& run, const std::vector<Measure>& measures,
                            const EvaluationOptions& options);

}  // namespace headwise
