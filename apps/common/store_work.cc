// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/store_work.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "engine/options.h"
#include "headwise/score_store.h"
#include "jobs/journal.h"
#include "jobs/run_header.h"

namespace headwise {
namespace {

StoreManifest make_manifest(const StoreJob& job, const Engine& engine) {
  const RerankerOptions& options = engine.reranker.options();
  StoreManifest manifest;
  manifest.model = engine.model->fingerprint();
  manifest.layers = static_cast<int>(engine.model->config().layers);
  manifest.heads = static_cast<int>(engine.model->config().heads);
  manifest.prompt_template = options.prompt_template.empty()
                                 ? (options.encoding == Encoding::kBlocks ? "blocks" : "default")
                                 : options.prompt_template;
  manifest.encoding = option_text(engine.settings, "encoding");
  manifest.rows = option_text(engine.settings, "rows");
  manifest.order = option_text(engine.settings, "order");
  manifest.seed = options.seed;
  manifest.token_filter = option_text(engine.settings, "token-filter");
  manifest.max_words = options.max_words;
  manifest.depth = job.data.depth;
  std::filesystem::path folder(job.data.dataset.empty() ? job.data.run : job.data.dataset);
  if (!folder.has_filename()) folder = folder.parent_path();
  manifest.dataset = folder.filename().string();
  manifest.headwise = HEADWISE_VERSION;
  return manifest;
}

Json journal_header(const Engine& engine, const DatasetWork& work) {
  Json header;
  header["headwise_partial"] = 1;
  header["version"] = HEADWISE_VERSION;
  describe(engine.reranker.decoder(), header);
  header["model"] = engine.model->fingerprint();
  header["format"] = "head-score store";
  header["queries"] = work.requests.size();
  header["texts and first stage"] = work.fingerprint;
  header["flags"] = options_that_decide(engine.settings, engine.reranker.options().heads.weights);
  return header;
}

// Candidates in prompt order, and the columns of the scores with them.
StoredQuery in_prompt_order(const DatasetRequest& request, const std::vector<int>& order) {
  StoredQuery stored{request.id, request.query, {}, {}};
  for (const int index : order) {
    const Passage& passage = request.passages[static_cast<size_t>(index)];
    stored.candidates.push_back(passage.id);
    stored.first_stage_scores.push_back(passage.first_stage_score.value_or(0.0));
  }
  return stored;
}

StoredScores in_prompt_order(const HeadScores& scores, const StoreManifest& manifest) {
  StoredScores stored{manifest.layers, manifest.heads, scores.passages, {}};
  stored.values.reserve(scores.values.size());
  const auto heads = static_cast<int64_t>(scores.heads.size());
  for (int channel = 0; channel < 3; ++channel) {
    for (int64_t head = 0; head < heads; ++head) {
      for (const int index : scores.prompt_order) stored.values.push_back(scores.at(channel, head, index));
    }
  }
  return stored;
}

Status make_folder(const std::string& output) {
  std::error_code failure;
  std::filesystem::create_directories(output, failure);
  if (failure || !std::filesystem::is_directory(output, failure)) {
    return fail(ErrorCode::kIo, "cannot make the folder '" + output + "' of --output: " + failure.message());
  }
  return {};
}

Json record_of(const StoredQuery& query) {
  return {{"candidates", query.candidates}, {"scores", query.first_stage_scores}};
}

}  // namespace

Status make_store(const StoreJob& job, const AppContext& context) {
  if (job.data.run.empty()) {
    return fail(
        ErrorCode::kUsage,
        "--run FILE with the candidates of each query is missing (with --dataset DIR for their texts)");
  }
  if (job.output.empty()) return fail(ErrorCode::kUsage, "--output FOLDER for the store is missing");
  auto work = gather_work(job.data, context);
  if (!work) return fail(std::move(work.error()));
  EngineSettings every_head = job.engine;
  every_head.heads = "all";
  auto engine = load_engine(every_head);
  if (!engine) return fail(std::move(engine.error()));
  const StoreManifest manifest = make_manifest(job, *engine);
  const Json header = journal_header(*engine, *work);
  HW_RETURN_IF_ERROR(make_folder(job.output));
  const std::filesystem::path folder = job.output;
  std::error_code ignored;
  if (!job.restart && std::filesystem::exists(folder / "manifest.json", ignored)) {
    return fail(ErrorCode::kUsage,
                "'" + job.output +
                    "' is a finished head-score store; give another --output, or --restart "
                    "to write over it");
  }
  auto journal = Journal::open(folder / "progress.partial", header, job.restart);
  if (!journal) return fail(std::move(journal.error()));
  std::filesystem::remove(folder / "manifest.json", ignored);
  auto done = static_cast<int64_t>(journal->finished().size());
  const auto total = static_cast<int64_t>(work->requests.size());
  if (done > 0) {
    print_note(context.verb, context.quiet,
               "going on in '" + job.output + "': " + std::to_string(done) + " of " + std::to_string(total) +
                   " queries are done");
  }

  const StopSignals signals;
  StopOnly stop;
  ProgressBar bar(context.verb, context.quiet);
  bar.start_at(done);
  for (size_t i = 0; i < work->requests.size(); ++i) {
    if (journal->finished().contains(static_cast<int64_t>(i))) continue;
    const DatasetRequest& request = work->requests[i];
    const auto scores = engine->reranker.head_scores(request.query, request.passages, &stop);
    if (!scores && scores.error().code() == ErrorCode::kCancelled) {
      bar.finish();
      return fail(ErrorCode::kCancelled, "interrupted after " + std::to_string(done) + " of " +
                                             std::to_string(total) +
                                             " queries; the same command goes on from there");
    }
    if (!scores) return fail(Error(scores.error()).with_context("reading query '" + request.id + "'"));
    HW_RETURN_IF_ERROR(write_store_scores(folder, i, in_prompt_order(*scores, manifest)));
    const StoredQuery stored = in_prompt_order(request, scores->prompt_order);
    HW_RETURN_IF_ERROR(journal->append(static_cast<int64_t>(i), json_text(record_of(stored), -1)));
    bar.advance("queries", ++done, total);
  }
  bar.finish();

  std::vector<StoredQuery> queries;
  for (const auto& [number, text] : journal->finished()) {
    const DatasetRequest& request = work->requests[static_cast<size_t>(number)];
    const Json record = Json::parse(text, nullptr, false);
    queries.push_back({request.id, request.query, record["candidates"].get<std::vector<std::string>>(),
                       record["scores"].get<std::vector<double>>()});
  }
  HW_RETURN_IF_ERROR(write_store_manifest(folder, manifest, queries));
  journal->remove();
  print_note(context.verb, context.quiet,
             std::to_string(total) + " queries in '" + job.output +
                 "'; find heads in them with `headwise heads select`");
  return {};
}

}  // namespace headwise
