// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "jobs/score_store_job.h"

#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "jobs/job_header.h"

namespace headwise {
namespace {

constexpr const char* kManifest = "manifest.json";

StoreManifest make_manifest(const Engine& engine, const DatasetChoice& choice) {
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
  manifest.max_tokens = options.max_tokens;
  manifest.long_passages = option_text(engine.settings, "long");
  if (options.long_passages == LongPassages::kChunk) manifest.max_windows = options.max_windows;
  const DecoderDescription decoder = engine.reranker.decoder();
  manifest.precision = (decoder.backend == "cpu" ? "" : decoder.backend + " ") + decoder.precision;
  manifest.keep_type = to_string(options.keep.type);
  manifest.keep_budget =
      options.keep.budget.whole() ? to_string(KeepBudget{}) : option_text(engine.settings, "keep-budget");
  manifest.depth = choice.depth;
  manifest.dataset = dataset_name(choice);
  manifest.headwise = job_version();
  return manifest;
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

Status check_reads_all(const Engine& engine) {
  const size_t all =
      static_cast<size_t>(engine.model->config().layers) * static_cast<size_t>(engine.model->config().heads);
  if (engine.reranker.heads().size() == all) return {};
  return fail(ErrorCode::kUsage, "a head-score store is of every head: expected heads 'all', found " +
                                     std::to_string(engine.reranker.heads().size()) + " of " +
                                     std::to_string(all) + " heads");
}

}  // namespace

ScoreStoreJob::ScoreStoreJob(Engine& engine, std::filesystem::path folder, StoreManifest manifest,
                             DatasetJob job)
    : engine_(&engine), folder_(std::move(folder)), manifest_(std::move(manifest)), job_(std::move(job)) {}

Result<ScoreStoreJob> ScoreStoreJob::open(Engine& engine, const DatasetChoice& choice, DatasetWork work,
                                          const ScoreStoreTarget& target) {
  HW_RETURN_IF_ERROR(check_reads_all(engine));
  // A store's files are numbered by their place in it, whatever part of a run it is of.
  for (size_t i = 0; i < work.requests.size(); ++i) work.requests[i].number = static_cast<int64_t>(i);
  const Json header = job_header(engine, "head-score store", work);
  HW_RETURN_IF_ERROR(make_folder(target.folder.string()));
  std::error_code ignored;
  if (!target.restart && std::filesystem::exists(target.folder / kManifest, ignored)) {
    return fail(ErrorCode::kUsage,
                "'" + target.folder.string() +
                    "' is a finished head-score store; give another --output, or --restart "
                    "to write over it");
  }
  auto job = DatasetJob::open(std::move(work), target.folder / "progress.partial", header, target.restart);
  if (!job) return fail(std::move(job.error()));
  std::filesystem::remove(target.folder / kManifest, ignored);
  return ScoreStoreJob(engine, target.folder, make_manifest(engine, choice), std::move(*job));
}

Result<std::string> ScoreStoreJob::answer(const DatasetRequest& request, ProgressSink* stop) {
  const auto scores = engine_->reranker.head_scores(request.query, request.passages, stop);
  if (!scores) return fail(Error(scores.error()).with_context("reading query '" + request.id + "'"));
  HW_RETURN_IF_ERROR(
      write_store_scores(folder_, static_cast<size_t>(request.number), in_prompt_order(*scores, manifest_)));
  const StoredQuery stored = in_prompt_order(request, scores->prompt_order);
  const Json record{{"candidates", stored.candidates}, {"scores", stored.first_stage_scores}};
  return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status ScoreStoreJob::read(const DatasetRequest& request, ProgressSink* stop) {
  auto record = answer(request, stop);
  if (!record) return fail(std::move(record.error()));
  return job_.add(request.number, std::move(*record));
}

Status ScoreStoreJob::run(ProgressSink* progress) {
  return job_.run([this](const DatasetRequest& request, ProgressSink* stop) { return answer(request, stop); },
                  progress, "; the same command goes on from there");
}

Status ScoreStoreJob::finish() {
  std::vector<StoredQuery> queries;
  for (const auto& [number, text] : job_.records()) {
    const DatasetRequest& request = job_.work().requests[static_cast<size_t>(number)];
    const Json record = Json::parse(text, nullptr, false);
    queries.push_back({request.id, request.query, record["candidates"].get<std::vector<std::string>>(),
                       record["scores"].get<std::vector<double>>()});
  }
  HW_RETURN_IF_ERROR(write_store_manifest(folder_, manifest_, queries));
  job_.close();
  return {};
}

}  // namespace headwise
