// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/head_choice.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/fingerprint.h"
#include "base/threads.h"
#include "engine/options.h"
#include "heads/judged_scores.h"

namespace headwise {
namespace {

// Another way of reading, or other queries, make another store.
std::string store_name(const JudgedDataSet& set, const EngineSettings& reading) {
  Fingerprint print;
  for (const std::string& piece : {set.data.dataset, set.data.run, set.data.split, reading.model,
                                   reading.adapter, options_that_decide(reading).dump()}) {
    print.add(piece);
  }
  for (const int number : {set.data.depth, set.data.skip, set.data.queries}) print.add(number);
  return set.name + "-" + print.hex();
}

Status make_store(const JudgedDataSet& set, const std::filesystem::path& folder, Engine& engine,
                  const StoreRunner& run) {
  auto work = gather_work(set.data);
  if (!work) return fail(std::move(work.error()));
  auto job = ScoreStoreJob::open(engine, set.data, std::move(*work), {.folder = folder, .restart = false});
  if (!job) return fail(std::move(job.error()));
  return run(*job, folder);
}

}  // namespace

Result<HeadSet> choose_heads(const HeadChoice& choice, const StoreRunner& run) {
  const SelectionMethod* method = find_selection_method(choice.method);
  if (method == nullptr) return fail(ErrorCode::kUsage, "unknown --select '" + choice.method + "'");
  if (choice.sets.empty()) {
    return fail(ErrorCode::kUsage,
                "--select finds heads in graded judgements: give --graded, or heads with --heads");
  }
  EngineSettings reading = choice.reading;
  reading.heads = "all";
  std::optional<Engine> engine;  // once a store is missing
  std::vector<std::filesystem::path> stores;
  std::vector<std::filesystem::path> qrels;
  for (const JudgedDataSet& set : choice.sets) {
    stores.push_back(choice.stores / store_name(set, reading));
    qrels.push_back(set.qrels);
    std::error_code ignored;
    if (std::filesystem::exists(stores.back() / "manifest.json", ignored)) continue;
    if (!engine) {
      auto loaded = load_engine(reading);
      if (!loaded) return fail(std::move(loaded.error()));
      engine.emplace(std::move(*loaded));
    }
    const Status made = make_store(set, stores.back(), *engine, run);
    if (!made) return fail(Error(made.error()).with_context("finding heads in '" + set.name + "'"));
  }
  const auto judged = load_judged_stores(stores, qrels, Balance::kStores);
  if (!judged) return fail(judged.error());
  ThreadPool threads(choice.threads);
  const auto found = select_heads(*judged, *method, choice.options, threads);
  if (!found) return fail(found.error());
  return head_set_of(*judged, *found, *method, choice.options);
}

}  // namespace headwise
