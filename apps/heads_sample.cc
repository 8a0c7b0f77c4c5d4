// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads sample`: judged requests of random size, which `heads calibrate` fits relevance to
// (jobs/relevance_job.h).
#include <memory>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "common/app.h"
#include "common/dataset_flags.h"
#include "common/diagnostics.h"
#include "common/engine_flags.h"
#include "common/job_run.h"
#include "common/output.h"
#include "common/value_checks.h"
#include "headwise/qrels.h"
#include "jobs/relevance_job.h"

namespace headwise {
namespace {

struct SampleFlags : DatasetFlags {
  EngineSettings engine;
  SampleChoice choice;
  std::string qrels;
  std::string output;
  bool restart = false;
};

Status check_flags(const SampleFlags& flags) {
  const std::pair<const std::string*, const char*> needed[] = {
      {&flags.run, kRunMissing},
      {&flags.qrels, "--qrels FILE with the judgements is missing"},
      {&flags.output, "--output FILE for the samples is missing"}};
  for (const auto& [value, missing] : needed) {
    if (value->empty()) return fail(ErrorCode::kUsage, missing);
  }
  return check_output_file(flags.output);
}

Status run_sample(SampleFlags& flags, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_flags(flags));
  const auto qrels = read_qrels(flags.qrels);
  if (!qrels) return fail(Error(qrels.error()).with_context("reading --qrels"));
  auto work = gather_work(flags, context);
  HW_RETURN_IF_ERROR(work);
  auto engine = load_engine(flags.engine);
  HW_RETURN_IF_ERROR(engine);
  flags.choice.data = dataset_name(flags);
  auto job = RelevanceJob::open(*engine, std::move(*work), *qrels, flags.choice, flags.output, flags.restart);
  HW_RETURN_IF_ERROR(job);
  HW_RETURN_IF_ERROR(run_with_bar(*job, context));
  HW_RETURN_IF_ERROR(write_file_atomically(flags.output, job->text()));
  job->close();
  print_note(context.verb, context.quiet,
             std::to_string(job->job().done()) +
                 " questions; fit relevance to them with headwise heads calibrate --samples " + flags.output);
  return {};
}

}  // namespace

Action add_heads_sample(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<SampleFlags>();
  constexpr const char* kWork = "Work";
  flags->depth = flags->choice.most;
  add_dataset_flags(verb, *flags, kWork);
  verb.add_option("--qrels", flags->qrels, "Judgements of the questions; what is not judged is not relevant")
      ->group(kWork);
  verb.add_option("--grade", flags->choice.grade, "Least grade that is relevant")
      ->group(kWork)
      ->capture_default_str();
  verb.add_option("--draws", flags->choice.draws,
                  "Requests of random size of each question, beside those of 1, 5, 20 and 100")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(0, 1000));
  verb.add_option("--most", flags->choice.most, "Candidates of a request, at most")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(1, 1000));
  verb.add_option("--sample-seed", flags->choice.seed, "Draws other requests")
      ->group(kWork)
      ->capture_default_str();
  verb.add_option("--output", flags->output, "The file of samples; it goes on from FILE.partial")
      ->group("Result");
  verb.add_flag("--restart", flags->restart, "Begin afresh instead of going on")->group("Result");
  // A question's requests read the same passages.
  flags->engine.usual_keep_memory = kUsualKeepMemory;
  add_engine_flags(verb, flags->engine);
  return [flags, &context] { return run_sample(*flags, context); };
}

}  // namespace headwise
