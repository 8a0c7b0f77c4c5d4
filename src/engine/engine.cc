// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Settings to an engine: heads by name, file or default, a router, and the Reranker they ask for.
#include "headwise/engine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/named_heads.h"
#include "engine/settings.h"
#include "headwise/head_catalogue.h"
#include "headwise/head_set.h"
#include "headwise/shipped_adapter.h"

namespace headwise {
namespace {

// A file or NAME for heads: the set in it, and its way of reading wherever no other is asked for. Nothing
// when `heads` is neither.
Result<std::optional<HeadSet>> put_in_head_set(EngineSettings& settings) {
  auto set = named_head_set(settings.heads);
  if (!set || !*set) return set;
  HW_RETURN_IF_ERROR(put_in_way_of_reading(**set, "the head set '" + settings.heads + "'", settings));
  settings.heads = (*set)->selection().to_string();
  return set;
}

Result<Router> put_in_router(EngineSettings& settings) {
  auto router = read_router(settings.router);
  if (!router) return fail(std::move(router.error()));
  HeadSet way;
  way.prompt_template = router->prompt_template;
  way.encoding = router->encoding;
  way.calibration = router->calibration;
  way.token_filter = router->token_filter;
  way.rows = router->rows;
  HW_RETURN_IF_ERROR(put_in_way_of_reading(way, "the router '" + settings.router + "'", settings));
  return router;
}

// The set that ships for this model, with its adapter or without, read as it was found; every head where
// there is none, or where another way of reading is asked for.
Result<std::optional<HeadSet>> put_in_default_set(const Model& model, EngineSettings& settings) {
  const ShippedAdapter* adapter =
      settings.adapter == kDefaultAdapter ? shipped_adapter(model.base_fingerprint()) : nullptr;
  const bool adapted = adapter != nullptr;
  const HeadSet* set = adapted ? &adapter->heads : default_head_set(model.base_fingerprint());
  if (set == nullptr || (!adapted && asked_otherwise(*set, settings))) {
    settings.heads = "all";
    return std::nullopt;
  }
  HW_RETURN_IF_ERROR(put_in_way_of_reading(*set, "the shipped head set", settings));
  settings.heads = set->selection().to_string();
  return *set;
}

bool has_adapter_folder(const EngineSettings& settings) {
  return !settings.adapter.empty() && settings.adapter != kNoAdapter && settings.adapter != kDefaultAdapter;
}

// The default with an adapter: the set that lies beside it, where there is one.
bool put_in_heads_of_adapter(EngineSettings& settings) {
  const auto file = head_set_beside(settings.adapter);
  if (file) settings.heads = file->string();
  return file.has_value();
}

}  // namespace

Result<std::shared_ptr<const Model>> load_model(const EngineSettings& settings) {
  auto path = resolve_model(settings.model);
  if (!path) return fail(std::move(path.error()));
  const auto weights = meaning_of(kWeightsWords, settings.weights);
  const auto choose = [&settings](std::string_view base_fingerprint) -> const AdapterFiles* {
    if (adapter_meant(settings, base_fingerprint) != kDefaultAdapter) return nullptr;
    const ShippedAdapter* shipped = shipped_adapter(base_fingerprint);
    return shipped == nullptr ? nullptr : &shipped->files;
  };
  auto model = Model::load(*path, {.weights = weights.value_or(ModelOptions::Weights::kStored),
                                   .adapter = has_adapter_folder(settings) ? settings.adapter : std::string(),
                                   .choose_adapter = choose});
  if (!model)
    return fail(std::move(model.error()).with_context("loading the model '" + path->string() + "'"));
  if (settings.adapter == kDefaultAdapter && shipped_adapter((*model)->base_fingerprint()) == nullptr) {
    return fail(ErrorCode::kUsage, "--adapter default: no adapter ships for '" + path->string() +
                                       "'; leave --adapter out, or give a folder or none");
  }
  return model;
}

Result<Engine> load_engine(const EngineSettings& settings) {
  return make_engine(settings, [&settings] { return load_model(settings); });
}

Result<Engine> make_engine(const EngineSettings& given, const ModelSource& get_model) {
  EngineSettings settings = given;
  std::optional<Router> router;
  const bool by_default = settings.heads.empty() || settings.heads == kDefaultHeads;
  if (!settings.router.empty()) {
    if (!by_default) return fail(ErrorCode::kUsage, "--router chooses the heads; leave --heads out");
    auto read = put_in_router(settings);
    if (!read) return fail(std::move(read.error()));
    router = std::move(*read);
  }
  if (by_default) settings.heads = "all";
  const bool heads_of_adapter =
      by_default && !router && has_adapter_folder(settings) && put_in_heads_of_adapter(settings);
  auto set = put_in_head_set(settings);
  if (!set) return fail(std::move(set.error()));
  auto options = reranker_options(settings);  // first: a wrong word should not cost a model load
  if (!options) return fail(std::move(options.error()));
  auto model = get_model();
  if (!model) return fail(std::move(model.error()));
  settings.adapter = adapter_meant(given, (*model)->base_fingerprint());
  if (by_default && !router && !heads_of_adapter) {
    set = put_in_default_set(**model, settings);
    if (!set) return fail(std::move(set.error()));
    options = reranker_options(settings);
    if (!options) return fail(std::move(options.error()));
  }
  if (*set) {
    HW_RETURN_IF_ERROR(check_head_set(**set, **model));
    options->heads = (*set)->selection();
  }
  put_in_defaults(settings);
  settings.options = *options;  // heads with their weights, for options_that_decide
  auto reranker = Reranker::create(*model, std::move(*options));
  if (!reranker) return fail(std::move(reranker.error()));
  std::optional<QueryRouter> query_router;
  if (router) {
    auto made = QueryRouter::create(std::move(*router), *model, settings.options.threads);
    if (!made) return fail(std::move(made.error()));
    query_router.emplace(std::move(*made));
  }
  return Engine{std::move(*model), std::move(*reranker), std::move(settings), std::move(query_router),
                by_default && !heads_of_adapter && set->has_value()};
}

Result<Ranking> Engine::rank(std::string_view query, std::span<const Passage> passages,
                             ProgressSink* progress) {
  if (!router) return reranker.rank(query, passages, progress);
  const auto routed = router->route(query);
  if (!routed) return fail(routed.error());
  return reranker.rank_with(routed->heads, query, passages, progress);
}

Result<Explanation> Engine::explain(std::string_view query, std::span<const Passage> passages,
                                    ExplainOptions options, ProgressSink* progress) {
  if (router) {
    auto routed = router->route(query);
    if (!routed) return fail(std::move(routed.error()));
    options.heads = std::move(routed->heads);
  }
  return reranker.explain(query, passages, options, progress);
}

std::string Engine::describe_heads(std::span<const HeadId> heads) const {
  const HeadSelection& selection = reranker.options().heads;
  const std::string count = std::to_string(heads.size()) + (heads.size() == 1 ? " head" : " heads");
  if (!router && selection.kind != HeadSelection::Kind::kList) {
    const std::string layers = std::to_string(heads.front().layer) + "-" + std::to_string(heads.back().layer);
    return (selection.kind == HeadSelection::Kind::kAll ? "all " : "") + count + " of layers " + layers;
  }
  if (shipped_heads) {
    const auto [low, high] = std::minmax_element(heads.begin(), heads.end());
    return "the shipped " + count + " of layers " + std::to_string(low->layer) + "-" +
           std::to_string(high->layer);
  }
  constexpr size_t kShown = 16;
  std::string text = count + ": ";
  for (size_t i = 0; i < heads.size() && i < kShown; ++i) text += (i > 0 ? ", " : "") + to_string(heads[i]);
  return heads.size() > kShown ? text + ", …" : text;
}

void rank_by_place(const EngineSettings& settings, std::vector<Passage>& passages) {
  if (settings.fuse != "rrf") return;
  for (const Passage& passage : passages) {
    if (passage.first_stage_score) return;
  }
  double score = 0.0;
  for (Passage& passage : passages) passage.first_stage_score = score--;
}

}  // namespace headwise
