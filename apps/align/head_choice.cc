// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/head_choice.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fingerprint.h"
#include "base/threads.h"
#include "common/diagnostics.h"
#include "common/store_work.h"
#include "engine/options.h"
#include "heads/judged_scores.h"
#include "heads/selection.h"

namespace headwise {
namespace {

// How every data set is read.
Result<EngineSettings> reading(const AlignFlags& flags) {
  EngineSettings engine{.model = flags.model,
                        .adapter = flags.from.empty() ? std::string(kNoAdapter) : flags.from.string(),
                        .threads = flags.threads,
                        .heads = "all",
                        .prompt_template = flags.prompt_template,
                        .max_words = flags.options.max_words};
  HW_RETURN_IF_ERROR(set_option(engine, "encoding", flags.encoding));
  HW_RETURN_IF_ERROR(set_option(engine, "token-filter", flags.token_filter));
  HW_RETURN_IF_ERROR(set_option(engine, "rows", flags.rows));
  return with_defaults(std::move(engine));  // nothing gives way to a set that ships
}

StoreJob store_job(const EngineSettings& engine, const DataSetSpec& spec, int most_queries) {
  StoreJob job;
  job.data.dataset = spec.folder.string();
  job.data.run = (spec.folder / spec.run).string();
  job.data.split = spec.split;
  job.data.depth = spec.depth;
  job.data.skip = spec.skip;
  job.data.queries = spec.first > 0 ? std::min(spec.first, most_queries) : most_queries;
  job.engine = engine;
  return job;
}

// Another way of reading, or other queries, make another store.
std::string store_name(const StoreJob& job, const DataSetSpec& spec) {
  Fingerprint print;
  for (const std::string& piece : {job.data.dataset, job.data.run, job.data.split, job.engine.model,
                                   job.engine.adapter, options_that_decide(job.engine).dump()}) {
    print.add(piece);
  }
  for (const int number : {job.data.depth, job.data.skip, job.data.queries}) print.add(number);
  return spec.name() + "-" + print.hex();
}

}  // namespace

Result<HeadSet> choose_heads(const AlignFlags& flags, bool quiet) {
  const SelectionMethod* method = find_selection_method(flags.select);
  if (method == nullptr) return fail(ErrorCode::kUsage, "unknown --select '" + flags.select + "'");
  if (flags.options.graded.empty()) {
    return fail(ErrorCode::kUsage,
                "--select finds heads in graded judgements: give --graded, or heads with --heads");
  }
  if (flags.workers.count > 1) {
    return fail(
        ErrorCode::kUsage,
        "--select is for one process: find heads with `headwise heads select`, give them as --heads FILE");
  }
  const AppContext context{.verb = "align", .quiet = quiet};
  std::vector<std::filesystem::path> stores;
  std::vector<std::filesystem::path> qrels;
  const auto engine = reading(flags);
  HW_RETURN_IF_ERROR(engine);
  for (const DataSetSpec& spec : flags.options.graded) {
    StoreJob job = store_job(*engine, spec, flags.select_queries);
    stores.push_back(flags.options.output / "selection" / store_name(job, spec));
    qrels.push_back(spec.folder / "qrels" / (spec.split + ".tsv"));
    job.output = stores.back().string();
    std::error_code ignored;
    if (std::filesystem::exists(stores.back() / "manifest.json", ignored)) continue;
    const Status made = make_store(job, context);
    if (!made) return fail(Error(made.error()).with_context("finding heads in '" + spec.name() + "'"));
  }
  const auto judged = load_judged_stores(stores, qrels, Balance::kStores);
  HW_RETURN_IF_ERROR(judged);
  SelectionOptions options;
  options.count = flags.select_count;
  options.max_layer = flags.select_max_layer;
  const ReadOut read_out =
      read_out_of(flags.calibration.empty() ? option_text(*engine, "calibration") : flags.calibration,
                  option_text(*engine, "token-filter"));
  options.calibration = read_out.calibration;
  options.token_filter = read_out.token_filter;
  ThreadPool threads(flags.threads);
  const auto found = select_heads(*judged, *method, options, threads);
  HW_RETURN_IF_ERROR(found);
  HeadSet set = head_set_of(*judged, *found, *method, options);
  std::string names;
  for (const HeadId& head : set.heads) names += " " + to_string(head);
  print_note(context.verb, quiet, "heads by " + flags.select + ":" + names);
  return set;
}

}  // namespace headwise
