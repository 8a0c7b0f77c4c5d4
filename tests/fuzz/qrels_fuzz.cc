// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as judgements. Accepted ones are measured against a run that retrieves them all in file order:
// every measure of every query lies between 0 and 1.
#include <cstdint>
#include <cstdlib>

#include "headwise/evaluation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto qrels = headwise::parse_qrels({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!qrels) return 0;
  headwise::Run run;
  for (const headwise::JudgedQuery& judged : qrels->queries) {
    headwise::RunQuery query{judged.id, {}};
    for (const headwise::Judgement& judgement : judged.judgements) {
      query.entries.push_back({judgement.id, -static_cast<double>(query.entries.size()), 0});
    }
    run.queries.push_back(std::move(query));
  }
  auto measures =
      headwise::parse_measures("ndcg@5,ndcg,map,map@2,recip_rank,p@3,recall@2,success@1,judged@4");
  auto evaluation = headwise::evaluate(*qrels, run, *measures, {});
  if (!evaluation) std::abort();
  for (const auto& values : evaluation->values) {
    for (double value : values) {
      if (!(value >= 0.0 && value <= 1.0 + 1e-12)) std::abort();
    }
  }
  return 0;
}
