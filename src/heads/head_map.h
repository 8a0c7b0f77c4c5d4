// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what head-score stores say about a model's heads, as numbers for tables and pictures:
// nDCG@10 of each head alone, of each layer, and how much of that stays when the candidates are shuffled
// or other queries are asked. Nothing here prints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heads/judged_scores.h"
#include "heads/selection.h"

namespace headwise {

struct HeadMap {
  int layers = 0;
  int heads = 0;                   // of a layer
  std::vector<double> single;      // [layers * heads] nDCG@10 of each head alone
  std::vector<double> layer_sum;   // [layers] of the layer's heads summed
  std::vector<double> layer_mean;  // [layers] mean of the layer's heads alone
  LayerWindow window;              // around the peak of layer_sum (Selective-ICR, arXiv 2602.22591)
  double all_heads = 0.0;
  double first_stage = 0.0;
  double at(int layer, int head) const {
    return single[static_cast<size_t>(layer) * static_cast<size_t>(heads) + static_cast<size_t>(head)];
  }
};

// by_query: query_head_ndcg of the same stores and options.
HeadMap head_map(const JudgedStores& stores, std::span<const double> by_query,
                 const SelectionOptions& options, ThreadPool& threads);

// Places of the best `count` of [layers * heads] values; ties: the lower layer and head.
std::vector<int> best_of(std::span<const double> values, int count);

// Rank correlation (Spearman 1904), ties given their mean rank. Nothing when one side is constant.
std::optional<double> spearman(std::span<const double> a, std::span<const double> b);

// Two readings of the same heads compared.
struct HeadAgreement {
  std::string first, second;  // names of the stores; empty for halves
  size_t queries_first = 0;   // behind the first reading
  size_t queries_second = 0;
  std::optional<double> spearman;  // of the heads' nDCG@10 alone
  int shared = 0;                  // of the best `top` heads
};

struct Stability {
  // kStores: pairs of stores that have queries in common (another seed or order of candidates), on those
  // queries. kHalves: seeded halves of all queries. kNone: too few queries for halves.
  enum class Kind { kNone, kStores, kHalves };
  Kind kind = Kind::kNone;
  int top = 8;
  std::vector<HeadAgreement> pairs;
};

struct AgreementSummary {
  std::optional<double> spearman_mean, spearman_low, spearman_high;  // of the pairs that have one
  double shared_mean = 0.0;
};
AgreementSummary summarise(const Stability& stability);

struct StabilityOptions {
  int top = 8;
  int splits = 20;  // halves drawn
  uint64_t seed = 0;
};

// Halves of split s: queries in ascending order of splitmix64(seed + 0x9E3779B97F4A7C15 * (s * n + q + 1)),
// the first n / 2 against the rest. `names`: one a store.
Stability head_stability(const JudgedStores& stores, std::span<const double> by_query,
                         std::span<const std::string> names, const StabilityOptions& options);

}  // namespace headwise
