// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Settings to an engine: the model, the Reranker and the router that they ask for.
#include "headwise/engine.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/resolve.h"
#include "headwise/head_set.h"
#include "headwise/shipped_adapter.h"

namespace headwise {
namespace {

// Of all heads that it may choose.
int deepest_layer(const Router& router) {
  int deepest = 0;
  for (const std::vector<HeadId>* list : {&router.pool, &router.fallback}) {
    for (const HeadId head : *list) deepest = std::max(deepest, head.layer);
  }
  return deepest;
}

}  // namespace

Result<std::shared_ptr<const Model>> load_model(const EngineSettings& settings) {
  auto path = resolve_model(settings.model);
  if (!path) return fail(std::move(path.error()));
  const auto choose = [&settings](std::string_view base_fingerprint) -> const AdapterFiles* {
    const ShippedAdapter* shipped = shipped_adapter(base_fingerprint);
    const bool wanted = shipped != nullptr && resolve_adapter(settings, shipped) == kDefaultAdapter;
    return wanted ? &shipped->files : nullptr;
  };
  auto model = Model::load(*path, {.weights = settings.weights.value_or(ModelOptions::Weights::kStored),
                                   .precision = settings.precision.value_or(Precision::kAuto),
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

Result<Engine> make_engine(const EngineSettings& settings, const ModelSource& get_model) {
  auto named = read_named_parts(settings);
  if (!named) return fail(std::move(named.error()));
  auto model = get_model();
  if (!model) return fail(std::move(model.error()));
  auto resolved = resolve(settings, *named, shipped_parts((*model)->base_fingerprint()));
  if (!resolved) return fail(std::move(resolved.error()));
  if (resolved->set != nullptr) HW_RETURN_IF_ERROR(check_head_set(*resolved->set, **model));
  if (named->router) resolved->options.keep_layer = deepest_layer(*named->router);
  auto reranker = Reranker::create(*model, std::move(resolved->options));
  if (!reranker) return fail(std::move(reranker.error()));
  std::optional<QueryRouter> router;
  if (named->router) {
    auto made = QueryRouter::create(std::move(*named->router), *model, *resolved->settings.threads);
    if (!made) return fail(std::move(made.error()));
    router.emplace(std::move(*made));
  }
  return Engine{std::move(*model), std::move(*reranker), std::move(resolved->settings), std::move(router),
                resolved->shipped_heads};
}

Result<Ranking> Engine::rank(std::string_view query, std::span<const Passage> passages,
                             ProgressSink* progress) {
  return rank({query, passages}, progress);
}

Result<Ranking> Engine::rank(const RankRequest& request, ProgressSink* progress) {
  if (!router) return reranker.rank(request, progress);
  const auto routed = router->route(request.query);
  if (!routed) return fail(routed.error());
  return reranker.rank_with(routed->heads, request, progress);
}

std::vector<Result<Ranking>> Engine::rank_many(std::span<const RankRequest> requests,
                                               ProgressSink* progress) {
  if (!router) return reranker.rank_many(requests, progress);
  std::vector<Result<Ranking>> rankings;
  for (const RankRequest& request : requests) {
    rankings.push_back(rank(request, progress));
  }
  return rankings;
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
  if (!settings.fuse || settings.fuse->fusion != Fusion::kReciprocalRank) return;
  for (const Passage& passage : passages) {
    if (passage.first_stage_score) return;
  }
  double score = 0.0;
  for (Passage& passage : passages) passage.first_stage_score = score--;
}

}  // namespace headwise
