// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads score`: a data set's head-score store (common/store_work.h).
#include <memory>

#include "common/app.h"
#include "common/store_work.h"

namespace headwise {

Action add_heads_score(CLI::App& verb, AppContext& context) {
  auto job = std::make_shared<StoreJob>();
  add_dataset_flags(verb, job->data, "Work");
  verb.add_option("--output", job->output, "Folder of the store")->group("Result");
  verb.add_flag("--restart", job->restart, "Begin afresh instead of going on")->group("Result");
  add_engine_flags(verb, job->engine);
  return [job, &context] { return make_store(*job, context); };
}

}  // namespace headwise
