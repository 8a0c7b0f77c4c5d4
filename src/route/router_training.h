// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: training of a router on pseudo labels: AdamW on the loss of router_math.h, stopped early
// on the nDCG@10 of the routed ranking of held-out queries; threshold and sparsity weight are tuned together
// there (docs/method.md#routing). The same seed gives the same bits at any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/threads.h"
#include "heads/forward_swap.h"
#include "headwise/router.h"

namespace headwise {

struct TrainingOptions {
  int inner = 128;
  double learning_rate = 1e-3;
  double weight_decay = 1e-2;
  int batch = 64;
  int epochs = 200;
  int patience = 20;             // epochs without a better dev ranking before it stops
  double positive_weight = 1.0;  // w of the loss
  std::vector<double> sparsities{0.0, 0.03, 0.1, 0.3};
  std::vector<double> thresholds{0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5};
  uint64_t seed = 1;
  bool bias_only = false;  // control: no input, the same heads for every query
};

// One query: its embedding (not standardised), its label and what its pool heads make of its candidates.
struct TrainingQuery {
  std::vector<float> embedding;
  std::vector<int> members;  // places in the pool
  PoolQuery ranking;         // weight: in the dev mean
};

struct TrainingEpoch {
  double sparsity = 0.0;
  int epoch = 0;
  double loss = 0.0;  // of the training queries
  double threshold = 0.0;
  double dev_ndcg = 0.0;  // with that threshold, the best of the grid
};

struct TrainedRouter {
  Router router;
  std::vector<TrainingEpoch> epochs;  // of all sparsities
};

// `described` gives pool, most, fewest and fallback (each of its heads in the pool). kUsage for grids or sets
// of queries that are empty.
Result<TrainedRouter> train_router(const Router& described, std::span<const TrainingQuery> train,
                                   std::span<const TrainingQuery> dev, const TrainingOptions& options,
                                   ThreadPool& threads);

// Weighted mean nDCG@10 of the routed rankings.
double routed_ndcg(const Router& router, std::span<const TrainingQuery> queries);

}  // namespace headwise
