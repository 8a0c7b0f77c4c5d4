// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a first-stage run re-ranked: each query's lines are its record, and all of them in the
// run's order are the result. With an output file the finished queries are kept in OUTPUT.partial until all
// are done.
#pragma once

#include <optional>
#include <string>

#include "headwise/engine.h"
#include "jobs/dataset_job.h"

namespace headwise {

struct RankingOutput {
  std::string path;    // empty: records are kept in memory alone
  std::string format;  // "trec", "jsonl", ...: what the records are
  bool restart = false;
  std::optional<int> top_k{};  // where the front end cuts rankings and not the engine
};
// Answering the job with other settings than the engine's would mix two results. What job_header and
// Journal::open say.
Result<DatasetJob> open_ranking_job(const Engine& engine, const DatasetChoice& choice, DatasetWork work,
                                    const RankingOutput& output);
// The result in one piece; then the journal goes. With an empty path nothing is written.
Status finish_ranking_job(DatasetJob& job, const std::string& path);

}  // namespace headwise
