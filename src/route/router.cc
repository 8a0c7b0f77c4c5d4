// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/router.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/stopwatch.h"
#include "route/query_embedding.h"
#include "route/router_math.h"

namespace headwise {

std::vector<double> Router::probabilities(std::span<const float> embedding) const {
  std::vector<double> input;
  if (weights.inputs > 0) input = standardise(weights, embedding);
  std::vector<double> p = router_logits(weights, input, 1);
  for (double& value : p) value = sigmoid(value);
  return p;
}

bool Router::falls_back(std::span<const double> probabilities) const {
  const auto sure = std::count_if(probabilities.begin(), probabilities.end(),
                                  [&](double value) { return value > threshold; });
  return sure < fewest;
}

std::vector<HeadId> Router::choose(std::span<const double> probabilities) const {
  if (falls_back(probabilities)) return fallback;
  std::vector<int> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return probabilities[static_cast<size_t>(a)] > probabilities[static_cast<size_t>(b)];
  });
  std::vector<HeadId> heads;
  for (const int place : order) {
    if (static_cast<int>(heads.size()) == most || probabilities[static_cast<size_t>(place)] <= threshold)
      break;
    heads.push_back(pool[static_cast<size_t>(place)]);
  }
  return heads;
}

Status check_router(const Router& router, const Model& model) {
  if (router.model != model.fingerprint()) {
    return fail(ErrorCode::kInvalidInput, "the router belongs to model " + router.model +
                                              ", but this one is " + model.fingerprint() +
                                              "; train one for it with `headwise route train`");
  }
  const auto layers = static_cast<int>(model.config().layers);
  const auto heads = static_cast<int>(model.config().heads);
  for (const std::vector<HeadId>* list : {&router.pool, &router.fallback}) {
    HeadSelection selection;
    selection.kind = HeadSelection::Kind::kList;
    selection.list = *list;
    if (const auto fits = selection.resolve(layers, heads); !fits) {
      return fail(ErrorCode::kInvalidInput, "the router's heads: " + fits.error().message());
    }
  }
  if (router.embedding_layer >= layers || router.weights.inputs != model.config().width) {
    return fail(ErrorCode::kInvalidInput,
                "the router reads " + std::to_string(router.weights.inputs) + " values after layer " +
                    std::to_string(router.embedding_layer) + "; this model has " + std::to_string(layers) +
                    " layers of width " + std::to_string(model.config().width));
  }
  return {};
}

class QueryRouter::Impl {
 public:
  Router router;
  QueryEmbedder embedder;
};

Result<QueryRouter> QueryRouter::create(Router router, std::shared_ptr<const Model> model, int threads) {
  HW_RETURN_IF_ERROR(check_router(router, *model));
  auto embedder = QueryEmbedder::create(std::move(model), router.embedding_layer, threads);
  HW_RETURN_IF_ERROR(embedder);
  return QueryRouter(std::make_unique<Impl>(Impl{std::move(router), std::move(*embedder)}));
}

Result<QueryRouter> QueryRouter::load(const std::filesystem::path& path, std::shared_ptr<const Model> model,
                                      int threads) {
  auto router = read_router(path);
  HW_RETURN_IF_ERROR(router);
  return create(std::move(*router), std::move(model), threads);
}

QueryRouter::QueryRouter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
QueryRouter::QueryRouter(QueryRouter&&) noexcept = default;
QueryRouter& QueryRouter::operator=(QueryRouter&&) noexcept = default;
QueryRouter::~QueryRouter() = default;

const Router& QueryRouter::router() const { return impl_->router; }

Result<RoutedHeads> QueryRouter::route(std::string_view query) {
  const auto begun = std::chrono::steady_clock::now();
  const auto embedding = impl_->embedder.embed(query);
  HW_RETURN_IF_ERROR(embedding);
  RoutedHeads routed;
  const std::vector<double> p = impl_->router.probabilities(*embedding);
  routed.heads = impl_->router.choose(p);
  routed.fallback = impl_->router.falls_back(p);
  routed.seconds = seconds_since(begun);
  return routed;
}

}  // namespace headwise
