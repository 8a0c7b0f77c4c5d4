// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads sensitivity`: a budget file for kept passages (jobs/sensitivity_job.h), and its page.
#include <filesystem>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/file.h"
#include "common/app.h"
#include "common/dataset_flags.h"
#include "common/diagnostics.h"
#include "common/engine_flags.h"
#include "common/job_run.h"
#include "jobs/sensitivity_job.h"
#include "passages/budget_file.h"
#include "report/sensitivity_page.h"

namespace headwise {
namespace {

struct SensitivityFlags : DatasetFlags {
  EngineSettings engine;
  SensitivityChoice choice;
  std::string tokens = "every";
  std::string output;  // the budget file
  std::string report;  // the page
  bool restart = false;
};

Status check_flags(SensitivityFlags& flags) {
  if (flags.run.empty()) {
    return fail(ErrorCode::kUsage, kRunMissing);
  }
  if (flags.output.empty()) return fail(ErrorCode::kUsage, "--output FILE for the budget file is missing");
  const auto rule = parse_keep_budget("1,tokens=" + flags.tokens);
  if (!rule) {
    return fail(ErrorCode::kUsage, "--tokens is every, received or norm, found '" + flags.tokens + "'");
  }
  flags.choice.tokens = rule->tokens;
  return {};
}

std::string source_of(const SensitivityFlags& flags) {
  return dataset_name(flags) + ", " + std::filesystem::path(flags.run).filename().string() + ", depth " +
         std::to_string(flags.depth) + ", tokens=" + flags.tokens;
}

Status write_page(const SensitivityFlags& flags, const BudgetFile& file) {
  SensitivityReport report{.model = file.model,
                           .source = file.source,
                           .queries = file.queries,
                           .kept = file.kept,
                           .losses = file.losses,
                           .mean = file.budget.sensitivity,
                           .budgets = {0.5, 0.25, 0.1},
                           .shares = {}};
  for (const double share : report.budgets) {
    const KeepBudget budget{.share = share, .split = BudgetSplit::kDepth};
    auto form = kept_form(KeptType::kFloat32, budget, &file.budget, static_cast<int>(report.mean.size()));
    HW_RETURN_IF_ERROR(form);
    report.shares.push_back(std::move(form->shares));
  }
  return write_file_atomically(flags.report, sensitivity_html(report));
}

Status run_sensitivity(SensitivityFlags& flags, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_flags(flags));
  auto work = gather_work(flags, context);
  HW_RETURN_IF_ERROR(work);
  auto engine = load_engine(flags.engine);
  HW_RETURN_IF_ERROR(engine);
  auto job = SensitivityJob::open(*engine, flags.choice, std::move(*work), flags.output, flags.restart);
  HW_RETURN_IF_ERROR(job);
  HW_RETURN_IF_ERROR(run_with_bar(*job, context));
  const auto losses = job->losses();
  HW_RETURN_IF_ERROR(losses);
  BudgetFile file;
  file.model = losses->model;
  file.source = source_of(flags);
  file.queries = losses->queries;
  file.budget.sensitivity = losses->mean();
  file.kept = losses->kept;
  file.losses = losses->losses;
  HW_RETURN_IF_ERROR(write_file_atomically(flags.output, format_budget_file(file)));
  if (!flags.report.empty()) HW_RETURN_IF_ERROR(write_page(flags, file));
  job->close();
  print_note(context.verb, context.quiet,
             std::to_string(file.queries) +
                 " queries; keep passages by it with --keep-budget "
                 "0.25,split=depth,file=" +
                 flags.output);
  return {};
}

}  // namespace

Action add_heads_sensitivity(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<SensitivityFlags>();
  add_dataset_flags(verb, *flags, "Work");
  verb.add_option("--kept", flags->choice.kept, "Shares that the pruned layer keeps (0.5 0.25 0.1)")
      ->group("Work");
  verb.add_option("--tokens", flags->tokens, "Which tokens stay: every, received or norm")->group("Work");
  verb.add_option("--output", flags->output, "The budget file")->group("Result");
  verb.add_option("--report", flags->report, "A page with the curve")->group("Result");
  verb.add_flag("--restart", flags->restart, "Begin afresh instead of going on")->group("Result");
  add_engine_flags(verb, flags->engine);
  return [flags, &context] { return run_sensitivity(*flags, context); };
}

}  // namespace headwise
