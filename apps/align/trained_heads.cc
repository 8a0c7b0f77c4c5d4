// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/trained_heads.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include "base/check.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/store_run.h"
#include "engine/named_heads.h"
#include "engine/options.h"
#include "engine/resolve.h"
#include "headwise/head_catalogue.h"
#include "jobs/head_choice.h"

namespace headwise {
namespace {

// How --select reads every data set. Nothing gives way to a set that ships.
Result<EngineSettings> selection_reading(const AlignFlags& flags) {
  EngineSettings reading{.model = flags.model,
                         .adapter = flags.from.empty() ? std::string(kNoAdapter) : flags.from.string(),
                         .threads = flags.threads,
                         .heads = "all",
                         .prompt_template = flags.prompt_template,
                         .max_words = flags.options.max_words};
  HW_RETURN_IF_ERROR(set_option(reading, "encoding", flags.encoding));
  HW_RETURN_IF_ERROR(set_option(reading, "token-filter", flags.token_filter));
  HW_RETURN_IF_ERROR(set_option(reading, "rows", flags.rows));
  return with_defaults(std::move(reading));
}

JudgedDataSet judged_set(const DataSetSpec& spec, int most_queries) {
  JudgedDataSet set;
  set.name = spec.name();
  set.qrels = spec.folder / "qrels" / (spec.split + ".tsv");
  set.data.dataset = spec.folder.string();
  set.data.run = (spec.folder / spec.run).string();
  set.data.split = spec.split;
  set.data.depth = spec.depth;
  set.data.skip = spec.skip;
  set.data.queries = spec.first > 0 ? std::min(spec.first, most_queries) : most_queries;
  return set;
}

// The set that --select asks for, of the model as --from has it.
Result<HeadSet> selected_heads(const AlignFlags& flags, bool quiet) {
  if (flags.workers.count > 1) {
    return fail(
        ErrorCode::kUsage,
        "--select is for one process: find heads with `headwise heads select`, give them as --heads FILE");
  }
  auto reading = selection_reading(flags);
  if (!reading) return fail(std::move(reading.error()));
  HeadChoice choice;
  choice.method = flags.select;
  choice.reading = std::move(*reading);
  choice.stores = flags.options.output / "selection";
  choice.threads = flags.threads;
  choice.options.count = flags.select_count;
  choice.options.max_layer = flags.select_max_layer;
  const ReadOut read_out =
      read_out_of(flags.calibration.empty() ? option_text(choice.reading, "calibration") : flags.calibration,
                  option_text(choice.reading, "token-filter"));
  choice.options.calibration = read_out.calibration;
  choice.options.token_filter = read_out.token_filter;
  for (const DataSetSpec& spec : flags.options.graded) {
    choice.sets.push_back(judged_set(spec, flags.select_queries));
  }
  const AppContext context{.verb = "align", .quiet = quiet};
  auto set = choose_heads(choice, [&](ScoreStoreJob& job, const std::filesystem::path& folder) {
    for (const std::string& note : job.job().work().notes) print_note(context.verb, context.quiet, note);
    return run_store_job(job, folder, context);
  });
  if (!set) return set;
  std::string names;
  for (const HeadId& head : set->heads) names += " " + to_string(head);
  print_note(context.verb, quiet, "heads by " + flags.select + ":" + names);
  return set;
}

// A head below the join is read in rows that see no passages: its scores are zero, whatever is trained. A set
// of such heads alone stays as it is: the model says what --join can be.
void leave_out_heads_below(int join, HeadSet& set, bool quiet) {
  std::vector<HeadId> heads;
  std::vector<double> weights;
  for (size_t i = 0; i < set.heads.size(); ++i) {
    if (set.heads[i].layer < join) continue;
    heads.push_back(set.heads[i]);
    if (!set.weights.empty()) weights.push_back(set.weights[i]);
  }
  if (heads.empty() || heads.size() == set.heads.size()) return;
  print_note("align", quiet,
             std::to_string(set.heads.size() - heads.size()) + " of " + std::to_string(set.heads.size()) +
                 " heads are left out: below --join " + std::to_string(join) + " rows see no passages");
  set.heads = std::move(heads);
  set.weights = std::move(weights);
}

}  // namespace

Result<ScorerOptions> scorer_options(const AlignFlags& flags, const Model& model, bool quiet) {
  HeadSet set;
  if (!flags.select.empty()) {
    auto chosen = selected_heads(flags, quiet);
    HW_RETURN_IF_ERROR(chosen);
    set = std::move(*chosen);
    set.model = model.base_fingerprint();
  } else if (flags.heads == "default") {
    const HeadSet* shipped = default_head_set(model.base_fingerprint());
    if (shipped == nullptr) {
      return fail(ErrorCode::kUsage,
                  "no head set ships for this model; find one with `headwise heads select` and give it as "
                  "--heads FILE");
    }
    set = *shipped;
  } else {
    auto named = named_head_set(flags.heads);
    HW_RETURN_IF_ERROR(named);
    if (*named) {
      set = std::move(**named);
    } else {
      auto selection = HeadSelection::parse(flags.heads);
      HW_RETURN_IF_ERROR(selection);
      auto heads =
          selection->resolve(static_cast<int>(model.config().layers), static_cast<int>(model.config().heads));
      HW_RETURN_IF_ERROR(heads);
      set.heads = std::move(*heads);
    }
  }
  HW_RETURN_IF_ERROR(check_head_set(set, model));
  set.model = model.base_fingerprint();
  // What flags say wins over the set, and the set over what is usual, as in every verb.
  EngineSettings asked{.prompt_template = flags.prompt_template, .max_words = flags.options.max_words};
  HW_RETURN_IF_ERROR(set_option(asked, "encoding", flags.encoding));
  HW_RETURN_IF_ERROR(set_option(asked, "calibration", flags.calibration));
  HW_RETURN_IF_ERROR(set_option(asked, "token-filter", flags.token_filter));
  HW_RETURN_IF_ERROR(set_option(asked, "rows", flags.rows));
  auto merged = with_reading(std::move(asked), reading_of(set), "--heads");
  HW_RETURN_IF_ERROR(merged);
  const EngineSettings settings = with_defaults(std::move(*merged));
  auto reading = reranker_options(settings);
  HW_RETURN_IF_ERROR(reading);
  auto rules = prompt_rules(model, *reading);
  HW_RETURN_IF_ERROR(rules);
  set.encoding = option_text(settings, "encoding");
  if (flags.training.join > 0 && set.encoding != "blocks") {
    return fail(ErrorCode::kUsage, "--join: in encoding '" + set.encoding +
                                       "' passages are no segments of their own; leave it "
                                       "out or take --encoding blocks");
  }
  leave_out_heads_below(flags.training.join, set, quiet);
  set.calibration = option_text(settings, "calibration");
  set.token_filter = option_text(settings, "token-filter");
  set.rows = option_text(settings, "rows");
  set.prompt_template = reading->prompt_template.empty() ? rules->wording.name : reading->prompt_template;
  ScorerOptions options;
  options.heads = std::move(set);
  options.rules = std::move(*rules);
  options.calibration = reading->calibration;
  options.filter = reading->token_filter;
  options.gain = flags.gain;
  options.train_weights = flags.train_weights;
  return options;
}

}  // namespace headwise
