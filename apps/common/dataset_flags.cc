// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/dataset_flags.h"

#include "common/diagnostics.h"
#include "common/value_checks.h"

namespace headwise {

void add_dataset_flags(CLI::App& verb, DatasetFlags& flags, const std::string& group) {
  verb.add_option("--dataset", flags.dataset, "BEIR folder: corpus.jsonl, queries.jsonl")->group(group);
  verb.add_option("--run", flags.run,
                  "First-stage run with the candidates; a RankLLM, ICR or QRHead file needs no --dataset")
      ->group(group);
  verb.add_option("--split", flags.split,
                  "Only queries judged in the data set's qrels/SPLIT.tsv (default: all of the run)")
      ->group(group);
  verb.add_option("--depth", flags.depth, "Candidates taken of each query of the run; 0: all")
      ->group(group)
      ->capture_default_str()
      ->check(at_least(0));
  verb.add_option("--skip", flags.skip, "Queries left out at the start of the run")
      ->group(group)
      ->check(at_least(0));
  verb.add_option("--queries", flags.queries, "Only the first N queries (after --skip); 0: all")
      ->group(group)
      ->check(at_least(0));
  verb.add_option("--shard", flags.shard,
                  "i/n: the i-th of n parts of the queries; `cat` of the n outputs, in order, is the whole "
                  "run's file")
      ->group(group);
}

Result<DatasetWork> gather_work(const DatasetFlags& flags, const AppContext& context) {
  auto work = gather_work(flags);
  if (!work) return work;
  for (const std::string& note : work->notes) print_note(context.verb, context.quiet, note);
  return work;
}

}  // namespace headwise
