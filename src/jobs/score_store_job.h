// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a data set read once with every head, into a head-score store (headwise/score_store.h).
// Finished queries are listed in FOLDER/progress.partial until all are done; then the manifest is written and
// the list goes away.
//
// Thread rule: one thread.
#pragma once

#include <filesystem>
#include <string>

#include "headwise/engine.h"
#include "headwise/score_store.h"
#include "jobs/dataset_job.h"

namespace headwise {

struct ScoreStoreTarget {
  std::filesystem::path folder;
  bool restart = false;  // write over what is there
};

class ScoreStoreJob {
 public:
  // `engine` must read every head, and outlive the job. kUsage for a finished store, unless `restart`, and
  // for a store begun with other settings.
  static Result<ScoreStoreJob> open(Engine& engine, const DatasetChoice& choice, DatasetWork work,
                                    const ScoreStoreTarget& target);

  const DatasetJob& job() const { return job_; }
  // Reads one query into its file, and notes that. kCancelled when `stop` says so.
  Status read(const DatasetRequest& request, ProgressSink* stop);
  // Reads what is not done yet; kCancelled says how many are.
  Status run(ProgressSink* progress);
  // Writes the manifest once every query is done: the folder is a store then.
  Status finish();

 private:
  ScoreStoreJob(Engine& engine, std::filesystem::path folder, StoreManifest manifest, DatasetJob job);
  Result<std::string> answer(const DatasetRequest& request, ProgressSink* stop);

  Engine* engine_;
  std::filesystem::path folder_;
  StoreManifest manifest_;
  DatasetJob job_;
};

}  // namespace headwise
