// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: heads found in data sets with judgements, as `heads score` and `heads select` would find
// them. The stores are kept in a folder, so that a second start does not read the data again.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "heads/selection.h"
#include "headwise/engine.h"
#include "headwise/head_set.h"
#include "jobs/score_store_job.h"

namespace headwise {

struct JudgedDataSet {
  std::string name;
  DatasetChoice data;
  std::filesystem::path qrels;
};

struct HeadChoice {
  std::string method;  // of selection_methods()
  SelectionOptions options;
  EngineSettings reading;           // how every data set is read; `heads` is of no account: all are
  std::vector<JudgedDataSet> sets;  // each weighs the same
  std::filesystem::path stores;     // the folder that they are kept in
  int threads = 0;                  // 0: the usable cores
};

// Runs a store's job to its end; the folder is the store's.
using StoreRunner = std::function<Status(ScoreStoreJob& job, const std::filesystem::path& folder)>;

// kUsage for an unknown method or no data; what the jobs and select_heads say.
Result<HeadSet> choose_heads(const HeadChoice& choice, const StoreRunner& run);

}  // namespace headwise
