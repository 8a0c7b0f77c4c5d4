// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/model_engine.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "engine/named_heads.h"
#include "engine/resolve.h"
#include "headwise/shipped_adapter.h"

namespace headwise::serve {
namespace {

constexpr size_t kMostEngines = 8;    // each has threads and scratch memory of its own
constexpr size_t kMostPerHead = 100;  // passages whose tokens may be shown head by head

// The command line would also open a file, which is nothing a client may ask for.
Status check_heads(const std::string& heads) {
  if (is_heads_without_file(heads)) return {};
  return fail(ErrorCode::kInvalidInput,
              "\"heads\" must be default, all, a layer window 8..11, a list 13-18,14-2 or the name of a head "
              "set that /v1/models lists");
}

// The server's own settings with the request's in their place, as if they had been on the command line.
Result<EngineSettings> with_settings(const EngineSettings& own, const RequestSettings& asked) {
  EngineSettings settings = own;
  // The server's own template may be one for the other encoding.
  if (asked.contains("encoding")) settings.prompt_template.clear();
  for (const auto& [name, value] : asked) {
    if (name == "heads") {
      HW_RETURN_IF_ERROR(check_heads(value));
      settings.router.clear();
    }
    if (name == "adapter" && value != kNoAdapter) {
      return fail(ErrorCode::kInvalidInput, "\"adapter\" must be one that /v1/models lists");
    }
    const Status set = set_option(settings, name, value);
    // Dialects read values as the table of options has them; anything else is a mistake of ours.
    if (!set) return fail(ErrorCode::kInternal, set.error().message());
  }
  return settings;
}

// The engine knows flags of `rerank`; clients of a server can only be told what it was started with.
Error with_server_bounds(Error&& error, const EngineSettings& settings) {
  if (error.code() != ErrorCode::kResourceLimit) return std::move(error);
  const int64_t most = settings.max_prompt_tokens.value_or(0);
  return Error(error.code(), error.message() + " (the server's --max-prompt-tokens is " +
                                 (most > 0 ? std::to_string(most) : "not set") + ")");
}

std::string_view instruction_of(const RerankQuery& query, const RerankRequest& request) {
  return query.instruction.empty() ? request.instruction : query.instruction;
}

// The passages as the engine takes them.
std::vector<Passage> placed(const Engine& engine, const RerankQuery& query) {
  std::vector<Passage> passages = query.passages;
  rank_by_place(engine.settings, passages);
  return passages;
}

Result<QueryAnswer> explain_query(Engine& engine, const RerankQuery& query, const RerankRequest& request,
                                  ProgressSink& progress) {
  const ExplainWish& wish = *request.explain;
  const std::string_view instruction = instruction_of(query, request);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Passage> passages = placed(engine, query);
  if (wish.per_head > 0 && passages.size() > kMostPerHead) {
    return fail(ErrorCode::kInvalidInput, "\"explain.per_head\" is for at most " +
                                              std::to_string(kMostPerHead) + " documents of a query");
  }
  auto explanation = engine.explain(
      query.text, passages,
      {.heads = {}, .per_head = wish.per_head > 0, .instruction = std::string(instruction)}, &progress);
  if (!explanation) return fail(std::move(explanation.error()));
  QueryAnswer answer;
  for (const ExplainedPassage& passage : explanation->passages) {
    answer.results.push_back({.index = passage.index,
                              .score = passage.score,
                              .truncated = passage.truncated,
                              .empty = passage.empty,
                              .window = passage.window,
                              .relevance = passage.relevance});
  }
  answer.heads = explanation->heads;
  answer.statistics = explanation->statistics;
  const auto shown = static_cast<size_t>(wish.passages);
  if (explanation->passages.size() > shown) explanation->passages.resize(shown);
  answer.explanation = std::move(*explanation);
  answer.seconds = seconds_since(start);
  return answer;
}

// All at once, so that queries over the same passages share a pass.
std::vector<Result<QueryAnswer>> rank_queries(Engine& engine, const RerankRequest& request,
                                              ProgressSink& progress) {
  const std::vector<RerankQuery>& queries = request.queries;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::vector<Passage>> passages;
  std::vector<RankRequest> requests;
  for (const RerankQuery& query : queries) passages.push_back(placed(engine, query));
  for (size_t i = 0; i < queries.size(); ++i)
    requests.push_back({.query = queries[i].text,
                        .passages = passages[i],
                        .instruction = instruction_of(queries[i], request)});
  std::vector<Result<Ranking>> rankings = engine.rank_many(requests, &progress);
  const double seconds = seconds_since(start) / static_cast<double>(queries.size());
  std::vector<Result<QueryAnswer>> answers;
  for (Result<Ranking>& ranking : rankings) {
    if (!ranking) {
      answers.emplace_back(fail(std::move(ranking.error())));
      continue;
    }
    answers.emplace_back(QueryAnswer{.results = std::move(ranking->passages),
                                     .heads = std::move(ranking->heads),
                                     .statistics = ranking->statistics,
                                     .explanation = std::nullopt,
                                     .seconds = seconds});
  }
  return answers;
}

}  // namespace

Result<std::unique_ptr<ModelEngine>> ModelEngine::create(const EngineSettings& settings,
                                                         std::optional<SearchIndex> corpus) {
  EngineSettings all = settings;
  // The service's business: a request may say otherwise, and its answer is cut last.
  all.top_k = 0;
  all.score = ScoreKind::kRaw;
  all.min_score.reset();
  auto engine = load_engine(all);
  if (!engine) return fail(std::move(engine.error()));
  return std::unique_ptr<ModelEngine>(new ModelEngine(std::move(all), std::move(*engine), std::move(corpus)));
}

ModelEngine::ModelEngine(EngineSettings settings, Engine first, std::optional<SearchIndex> corpus)
    : settings_(std::move(settings)), model_(first.model), corpus_(std::move(corpus)) {
  if (corpus_) card_.corpus_documents = corpus_->documents();
  const ModelConfig& config = model_->config();
  std::filesystem::path name = model_->path();
  card_.id = name.extension() == ".gguf" ? name.stem().string() : name.filename().string();
  card_.fingerprint = model_->fingerprint();
  const DecoderDescription decoder = first.reranker.decoder();
  card_.backend = decoder.backend;
  card_.precision = decoder.precision;
  card_.instruction_set = decoder.instruction_set;
  card_.context = config.context;
  card_.layers = static_cast<int>(config.layers);
  card_.heads_per_layer = static_cast<int>(config.heads);
  card_.heads = first.describe_heads(first.reranker.heads());
  card_.encoding = option_text(first.settings, "encoding");
  card_.calibration = option_text(first.settings, "calibration");
  card_.has_relevance = first.reranker.options().relevance.has_value();
  card_.head_sets = head_names_for(*model_);
  if (first.settings.adapter != kNoAdapter) {
    card_.adapters = {last_name(std::filesystem::path(first.settings.adapter).lexically_normal())};
  }
  card_.adapters.emplace_back(kNoAdapter);
  models_[first.settings.adapter] = model_;
  ready_.push_back({.asked = {}, .engine = std::move(first)});
}

Result<std::shared_ptr<const Model>> ModelEngine::model_for(const EngineSettings& settings) {
  std::shared_ptr<const Model>& model =
      models_[resolve_adapter(settings, shipped_adapter(model_->base_fingerprint()))];
  if (!model) {
    auto loaded = load_model(settings);
    if (!loaded) return fail(std::move(loaded.error()));
    model = std::move(*loaded);
  }
  return model;
}

Result<Engine> ModelEngine::make(EngineSettings settings) {
  const auto attempt = [&] { return make_engine(settings, [&] { return model_for(settings); }); };
  auto engine = attempt();
  if (!engine && !settings.keep.empty()) {
    settings.keep.clear();
    settings.keep_store_bytes.reset();
    settings.keep_second_sight.reset();
    engine = attempt();
  }
  if (!engine && settings.keep_memory.value_or(0) > 0) {
    settings.keep_memory.reset();  // what is usual
    settings.keep_type.reset();
    settings.keep_budget.reset();
    engine = attempt();
  }
  return engine;
}

KeepStatistics ModelEngine::kept() const {
  // Engines of one model share their memory; the server's own stands for those of its model, because it has
  // the store.
  std::map<std::string, const Ready*> by_model;
  const std::lock_guard lock(listing_);
  for (const Ready& ready : ready_) {
    const Ready*& stands = by_model[ready.engine.model->fingerprint()];
    if (stands == nullptr || ready.asked.empty()) stands = &ready;
  }
  KeepStatistics sum;
  for (const auto& [model, ready] : by_model) {
    const KeepStatistics kept = ready->engine.reranker.kept();
    sum.hits += kept.hits;
    sum.store_hits += kept.store_hits;
    sum.misses += kept.misses;
    sum.evictions += kept.evictions;
    sum.passages += kept.passages;
    sum.bytes += kept.bytes;
    sum.store_errors += kept.store_errors;
  }
  return sum;
}

Result<Engine*> ModelEngine::engine_for(RequestSettings asked) {
  const auto adapter = asked.find("adapter");
  if (adapter != asked.end() && adapter->second == card_.adapters.front()) asked.erase(adapter);
  const auto found =
      std::find_if(ready_.begin(), ready_.end(), [&](const Ready& ready) { return ready.asked == asked; });
  if (found != ready_.end()) {
    const std::lock_guard lock(listing_);
    ready_.splice(ready_.begin(), ready_, found);
    return &ready_.front().engine;
  }
  const auto settings = with_settings(settings_, asked);
  if (!settings) return fail(settings.error());
  auto engine = make(*settings);
  if (!engine) return fail(std::move(engine.error()));
  const std::lock_guard lock(listing_);
  if (ready_.size() >= kMostEngines) {
    auto oldest = std::prev(ready_.end());
    if (oldest->asked.empty()) --oldest;
    ready_.erase(oldest);
  }
  ready_.push_front({.asked = std::move(asked), .engine = std::move(*engine)});
  return &ready_.front().engine;
}

Result<std::vector<Passage>> ModelEngine::find(std::string_view query, int depth) {
  if (!corpus_) return fail(ErrorCode::kNotFound, "there is no corpus");
  const std::lock_guard lock(searching_);
  return corpus_->candidates(query, depth);
}

Result<RerankAnswer> ModelEngine::answer(const RerankRequest& request, ProgressSink& progress) {
  auto engine = engine_for(request.settings);
  if (!engine) return fail(std::move(engine.error()));
  std::vector<Result<QueryAnswer>> answers;
  if (request.explain) {
    for (const RerankQuery& query : request.queries) {
      answers.push_back(explain_query(**engine, query, request, progress));
      if (!answers.back()) break;
    }
  } else {
    answers = rank_queries(**engine, request, progress);
  }
  RerankAnswer answer;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) {
      Error error = with_server_bounds(std::move(answers[i].error()), settings_);
      if (request.queries.size() == 1) return fail(std::move(error));
      return fail(std::move(error).with_context("ranking query " + std::to_string(i + 1)));
    }
    answer.queries.push_back(std::move(*answers[i]));
  }
  return answer;
}

}  // namespace headwise::serve
