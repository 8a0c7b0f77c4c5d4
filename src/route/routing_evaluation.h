// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what routing brings on queries that the router never saw, measured on head-score stores:
// nDCG@10 of the routed ranking and of every control, query by query, with paired tests; and whether the
// routed sets vary with the query or collapse to one (docs/method.md#routing).
//
// The oracle searches the test query's own judgements: it is shown and never compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads.h"
#include "heads/judged_scores.h"
#include "headwise/router.h"
#include "headwise/significance.h"

namespace headwise {

struct RoutingOptions {
  double fusion_weight = 0.7;  // of the first stage's z-score
  int permutations = 10;       // of the embeddings, for the shuffled-query control; its values are their mean
  int draws = 10;              // of random heads; likewise
  uint64_t seed = 1;
};

// Values of one way of ranking, one a query.
struct MethodValues {
  std::string name;
  std::vector<double> alone;
  std::vector<double> fused;  // with the first stage
  bool is_oracle = false;
};

// One comparison on the queries of one data set (`group` < data sets) or on all of them (the last group).
struct RoutingTest {
  size_t method = 0;
  size_t group = 0;
  bool fused = false;
  PairedTest test;  // of routed - method
  // After Holm's correction over the controls of this group and column.
  double t_holm = 1.0, randomisation_holm = 1.0;
};

struct Overlap {
  size_t queries = 0;
  size_t distinct = 0;            // head sets
  double commonest = 0.0;         // share of the queries that have the commonest one
  size_t fallbacks = 0;           // queries that got the fallback
  double within = 0.0;            // mean Jaccard overlap of two queries of one data set
  std::optional<double> between;  // of two queries of different ones
  double entropy = 0.0;           // of head use, as a share of its largest value, log of the pool's size
  std::vector<std::vector<double>> use;  // [data set][pool head]: share of its queries that read the head
};

struct RoutingEvaluation {
  std::vector<std::string> data;  // names of the data sets
  std::vector<std::string> query_ids;
  std::vector<size_t> group_of;             // data set of each query
  std::vector<MethodValues> methods;        // the first is "routed", the second the first stage
  std::vector<RoutingTest> tests;           // routed against every method but itself and the oracle
  std::vector<std::vector<HeadId>> routed;  // heads of each query
  Overlap overlap;
  double mean_deepest = 0.0;  // layer, of the routed sets
  int static_deepest = 0;
  int layers = 0;

  // Mean over a group's queries; group data.size(): all of them.
  double mean(size_t method, size_t group, bool fused) const;
  size_t queries_in(size_t group) const;
  const RoutingTest* find(size_t method, size_t group, bool fused) const;
  // Place among `methods`; nothing when there is no such name.
  std::optional<size_t> method_named(std::string_view name) const;
};

inline constexpr std::string_view kRoutedName = "routed";
inline constexpr std::string_view kStaticName = "static";
inline constexpr std::string_view kBiasOnlyName = "bias-only router";
inline constexpr std::string_view kShuffledName = "shuffled-query router";

// embeddings[i] belongs to stores.queries[i]. kInvalidInput when the stores do not fit the router (another
// model, template, encoding, rows).
Result<RoutingEvaluation> evaluate_routing(const JudgedStores& stores, const Router& router,
                                           std::span<const std::vector<float>> embeddings,
                                           const RoutingOptions& options, ThreadPool& threads);
Status check_stores_for(const Router& router, const StoreManifest& manifest);

// Routing helps when, on all held-out queries together, the routed ranking is above the static set, the
// bias-only router and the shuffled-query router, each significantly by both tests after Holm's correction.
struct Verdict {
  bool helps = false;
  std::string text;  // a sentence or two with the figures
};
Verdict routing_verdict(const RoutingEvaluation& evaluation);
// "The routed sets ...": do they vary with the query and the data set, or collapse?
std::string overlap_verdict(const RoutingEvaluation& evaluation);

}  // namespace headwise
