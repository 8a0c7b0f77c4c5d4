// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a data set read once with every head, into a head-score store (headwise/score_store.h).
// Finished queries are listed in OUTPUT/progress.partial until all are done; then the manifest is written and
// the list goes away.
#pragma once

#include <string>

#include "common/dataset_flags.h"
#include "common/engine_flags.h"
#include "headwise/error.h"

namespace headwise {

struct StoreJob {
  DatasetFlags data;
  EngineSettings engine;  // `heads` is of no account: all are read
  std::string output;     // the store's folder
  bool restart = false;
};

// Goes on where it was stopped. kUsage for a finished store, unless `restart`; kCancelled on a signal.
Status make_store(const StoreJob& job, const AppContext& context);

}  // namespace headwise
