// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a router: for each query the heads to read, chosen from the query's text alone before
// the passages are looked at (RouteHead, arXiv 2604.24608; a reconstruction, docs/method.md#routing). The
// query is embedded by the same frozen model: mean hidden state of its tokens at a fifth of the depth.
//
//   auto router = headwise::QueryRouter::load("router.safetensors", model, {});
//   auto routed = router->route("who wrote Emma?");
//   auto ranking = reranker.rank_with(routed->heads, "who wrote Emma?", passages);
//
// Thread rule: Router is a plain value; a QueryRouter owns threads and scratch memory, one call at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/head_selection.h"
#include "headwise/model.h"

namespace headwise {

struct NamedHeads {
  std::string name;
  std::vector<HeadId> heads;
  std::vector<double> weights{};  // one a head; empty: 1 each
};

// u = W x + c, z_h = u.e_h / sqrt(r) + b_h, p_h = sigmoid(z_h), x standardised. K heads, r inner width, C
// model width; C = 0: the bias alone, the same heads for every query.
struct RouterWeights {
  int64_t inputs = 0;          // C
  int64_t inner = 0;           // r
  std::vector<double> mean_C;  // of the training queries' embeddings
  std::vector<double> deviation_C;
  std::vector<double> map_RC;    // W
  std::vector<double> offset_R;  // c
  std::vector<double> heads_KR;  // e
  std::vector<double> bias_K;    // b
};

struct Router {
  // What it was made for and how the heads are to be read.
  std::string model;  // fingerprint
  std::string prompt_template, encoding, calibration, token_filter, rows;
  int embedding_layer = 0;   // hidden states after this layer
  std::vector<HeadId> pool;  // K
  int most = 8;              // heads a query gets at most,
  int fewest = 4;            // and at least: below, the fallback is read
  double threshold = 0.5;    // tau: heads with p above it
  double sparsity = 0.0;     // lambda it was trained with
  std::vector<HeadId> fallback;
  std::vector<NamedHeads> controls;  // fixed sets found on the same queries, for `route report`
  std::vector<std::string> data;     // what it was trained on: "dl21 (53 queries)"
  uint64_t seed = 0;
  double dev_ndcg = 0.0;
  RouterWeights weights;

  // p of every pool head. `embedding` has weights.inputs values, not standardised.
  std::vector<double> probabilities(std::span<const float> embedding) const;
  // Whether fewer than `fewest` heads are above the threshold.
  bool falls_back(std::span<const double> probabilities) const;
  // The heads above the threshold, at most `most`, highest p first (ties: the pool's order); the fallback
  // where it falls back.
  std::vector<HeadId> choose(std::span<const double> probabilities) const;
};

// A .safetensors file: the weights, and everything else as JSON in its metadata. kNotFound, kInvalidInput.
Result<Router> read_router(const std::filesystem::path& path);
Result<Router> parse_router(std::span<const std::byte> bytes);
std::string format_router(const Router& router);
// kInvalidInput when the router belongs to another model (both are named) or its heads lie outside it.
Status check_router(const Router& router, const Model& model);

struct RoutedHeads {
  std::vector<HeadId> heads;
  bool fallback = false;  // too few heads were sure enough
  double seconds = 0.0;   // what routing took
};

class QueryRouter {
 public:
  // threads 0: the usable cores.
  static Result<QueryRouter> create(Router router, std::shared_ptr<const Model> model, int threads);
  static Result<QueryRouter> load(const std::filesystem::path& path, std::shared_ptr<const Model> model,
                                  int threads);
  QueryRouter(QueryRouter&&) noexcept;
  QueryRouter& operator=(QueryRouter&&) noexcept;
  ~QueryRouter();

  // kInvalidInput for an empty query or one that is not UTF-8.
  Result<RoutedHeads> route(std::string_view query);
  const Router& router() const;

 private:
  class Impl;
  explicit QueryRouter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headwise
