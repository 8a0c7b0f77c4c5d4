// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads score`: a data set's head-score store (jobs/score_store_job.h).
#include <memory>
#include <string>

#include "base/check.h"
#include "common/app.h"
#include "common/dataset_flags.h"
#include "common/engine_flags.h"
#include "common/store_run.h"
#include "jobs/score_store_job.h"

namespace headwise {
namespace {

struct ScoreFlags : DatasetFlags {
  EngineSettings engine;  // `heads` is of no account: all are read
  std::string output;     // the store's folder
  bool restart = false;
};

Status run_score(const ScoreFlags& flags, const AppContext& context) {
  if (flags.run.empty()) {
    return fail(ErrorCode::kUsage, kRunMissing);
  }
  if (flags.output.empty()) return fail(ErrorCode::kUsage, "--output FOLDER for the store is missing");
  auto work = gather_work(flags, context);
  if (!work) return fail(std::move(work.error()));
  EngineSettings every_head = flags.engine;
  every_head.heads = "all";
  auto engine = load_engine(every_head);
  if (!engine) return fail(std::move(engine.error()));
  auto job = ScoreStoreJob::open(*engine, flags, std::move(*work), {flags.output, flags.restart});
  if (!job) return fail(std::move(job.error()));
  return run_store_job(*job, flags.output, context);
}

}  // namespace

Action add_heads_score(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<ScoreFlags>();
  add_dataset_flags(verb, *flags, "Work");
  verb.add_option("--output", flags->output, "Folder of the store")->group("Result");
  verb.add_flag("--restart", flags->restart, "Begin afresh instead of going on")->group("Result");
  add_engine_flags(verb, flags->engine);
  return [flags, &context] { return run_score(*flags, context); };
}

}  // namespace headwise
