// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The program headwise-align, which `headwise align` starts: flags to a training, and its result to files.
// Apart from the main binary because libtorch is large.
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "align/align_flags.h"
#include "align/files/adapter_files.h"
#include "align/files/start_adapter.h"
#include "align/files/training_log.h"
#include "align/loop/trainer.h"
#include "align/trained_heads.h"
#include "base/check.h"
#include "base/file.h"
#include "common/diagnostics.h"
#include "common/help.h"
#include "common/model_path.h"
#include "common/output.h"
#include "common/program.h"
#include "common/progress_bar.h"
#include "common/settings_file.h"
#include "common/signals.h"
#include "headwise/engine.h"
#include "model/adapter.h"

namespace headwise {
namespace {

constexpr const char* kVerb = "align";
constexpr const char* kPurpose =
    "Train attention heads on preferences: a LoRA adapter, its head set, a model card and a report";
constexpr const char* kExample =
    "headwise align --graded dir=nfcorpus,run=run.bm25.train.trec,split=train --held-out "
    "dir=nfcorpus,run=run.bm25.dev.trec,split=dev,first=50 --output adapters/nfcorpus";

int deepest_layer(const HeadSet& set) {
  int deepest = 0;
  for (const HeadId& head : set.heads) deepest = std::max(deepest, head.layer);
  return deepest;
}

void show_evaluation(const EvaluationRecord& record, bool quiet) {
  std::string text = record.update == 0 ? "before training" : "after update " + std::to_string(record.update);
  text += ", nDCG@10 of held-out queries (first stage, alone, fused):";
  for (const HeldOutFigures& set : record.result.sets) {
    char figures[96];
    std::snprintf(figures, sizeof figures, " %.4f %.4f %.4f", set.first_stage, set.alone, set.fused);
    text += " " + set.set + figures + ";";
  }
  print_note(kVerb, quiet, text);
}

// Adapter, head set, model card and report, from what the training left in `scorer`.
Status write_results(const AlignFlags& flags, const Model& model, const Scorer& scorer,
                     const TrainingData& data, const TrainingOutcome& outcome, const Json& decide,
                     bool quiet) {
  const std::filesystem::path& output = flags.options.output;
  auto history = read_training_log(output / "log.jsonl");
  HW_RETURN_IF_ERROR(history);
  HeadSet trained = scorer.trained_heads();
  trained.method = "aligned";
  trained.head_scores.clear();
  trained.data = data.describe();
  trained.ndcg.reset();
  HW_RETURN_IF_ERROR(write_adapter(output, scorer.model(), model.config().name));
  HW_RETURN_IF_ERROR(write_result(output / "heads.json", format_head_set(trained, HeadSetFormat::kHeadwise)));
  HW_RETURN_IF_ERROR(write_training_pages(output, flags, model, data, *history, outcome, decide));
  Json result;
  result["output"] = output.string();
  result["updates"] = outcome.updates;
  result["best_update"] = outcome.best_update;
  result["stopped_early"] = outcome.stopped_early;
  if (outcome.best_update < outcome.updates) {
    const std::string what = outcome.best_update == 0
                                 ? "what it began with: no update ranked the held-out queries better"
                                 : "update " + std::to_string(outcome.best_update) +
                                       "'s, the best on the held-out queries, and not the last one's";
    print_note(kVerb, quiet, "the result is " + what + " (without --held-out it is the last one's)");
  }
  return write_stdout(json_text(result) + "\n");
}

Status run_align(AlignFlags flags, bool quiet) {
  AlignOptions& options = flags.options;
  HW_RETURN_IF_ERROR(settle_options(flags));
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  const bool leads = flags.workers.rank == 0;
  quiet = quiet || !leads;
  auto path = resolve_model(flags.model);
  HW_RETURN_IF_ERROR(path);
  auto model = Model::load(*path, {});
  if (!model)
    return fail(std::move(model.error()).with_context("loading the model '" + path->string() + "'"));
  std::optional<Adapter> start;
  if (!flags.from.empty()) {
    auto adapter = read_adapter(flags.from, (*model)->config());
    HW_RETURN_IF_ERROR(adapter);
    start = std::move(*adapter);
    if (const auto own = head_set_beside(flags.from); flags.heads == "default" && own)
      flags.heads = own->string();
  }
  auto scoring = scorer_options(flags, **model, quiet);
  HW_RETURN_IF_ERROR(scoring);
  flags.training.deepest_layer = deepest_layer(scoring->heads);
  auto training_model = TrainingModel::create(**model, flags.training);
  HW_RETURN_IF_ERROR(training_model);
  if (start) HW_RETURN_IF_ERROR(start_from(*start, *training_model));
  auto data = TrainingData::load(options);
  HW_RETURN_IF_ERROR(data);
  std::error_code failure;
  std::filesystem::create_directories(options.output, failure);
  if (failure)
    return fail(ErrorCode::kIo,
                "cannot make the folder '" + options.output.string() + "': " + failure.message());

  for (const std::string& line : data->describe()) print_note(kVerb, quiet, line);
  Json decide = settings_json(flags, scoring->heads);
  decide["model"] = (*model)->fingerprint();
  decide["data"] = data->fingerprint();
  if (start) decide["from"] = std::to_string(start->hash());

  Scorer scorer((*model)->tokenizer(), std::move(*training_model), std::move(*scoring));
  const StopSignals signals;
  ProgressBar bar(kVerb, quiet);
  TrainingEvents events;
  bool begun = false;
  events.stop = stop_signalled;
  events.on_note = [&](const std::string& note) { print_note(kVerb, quiet, note); };
  events.on_update = [&](const UpdateRecord& record) {
    char what[64];
    std::snprintf(what, sizeof what, "updates, loss %.4f", record.loss);
    // Updates of a run before this one do not count for the rate.
    if (!std::exchange(begun, true)) bar.start_at(record.update - 1);
    bar.advance(what, record.update, options.updates);
  };
  events.on_evaluation = [&](const EvaluationRecord& record) {
    bar.finish();
    show_evaluation(record, quiet);
  };
  // --finish trains no more: --workers then says with how many the training was begun.
  auto workers = TrainingWorkers::join(options.finish ? WorkersOptions{} : flags.workers);
  HW_RETURN_IF_ERROR(workers);
  auto outcome = train(scorer, *data, options, decide.dump(), flags.restart, events, *workers);
  bar.finish();
  HW_RETURN_IF_ERROR(outcome);
  if (const TrunkCache* cache = scorer.model().trunk_cache(); cache != nullptr && cache->first_error()) {
    print_note(kVerb, quiet, "the frozen layers ran every time: " + cache->first_error()->to_string());
  }
  if (!leads) return {};

  return write_results(flags, **model, scorer, *data, *outcome, decide, quiet);
}

// As if it were a verb of the main binary, so that settings files and the environment work alike.
int run(int argc, char** argv) {
  CLI::App root("headwise");
  root.name("headwise");
  bind_settings_file(root);
  root.formatter(std::make_shared<HelpFormat>());
  CLI::App* verb = root.add_subcommand(kVerb, kPurpose);
  AlignFlags flags;
  bool quiet = false;
  add_align_flags(*verb, flags);
  complete_verb(*verb, quiet, kExample);
  std::vector<std::string> words;  // CLI11 takes them last first
  for (int i = argc - 1; i > 0; --i) words.emplace_back(argv[i]);
  words.emplace_back(kVerb);
  try {
    root.parse(words);
  } catch (const CLI::ParseError& end) {
    return report_parse_end(root, kVerb, end, std::span(argv, static_cast<size_t>(argc)));
  }
  const Status done = run_align(std::move(flags), quiet);
  return done ? 0 : report_error(kVerb, done.error());
}

}  // namespace
}  // namespace headwise

int main(int argc, char** argv) {
  using headwise::Error;
  return headwise::run_program(
      "align", "--checkpoint-layers, shorter passages (--max-words) or smaller lists need less", [&] {
        try {
          return headwise::run(argc, argv);
        } catch (const c10::Error& error) {
          return headwise::report_error("align",
                                        Error(headwise::ErrorCode::kInternal, "libtorch: " + error.msg()));
        }
      });
}
