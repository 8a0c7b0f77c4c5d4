// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a labelled training set as the trainer wants it, and the fixed head sets that a router
// must beat, found on the same queries.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "heads/judged_scores.h"
#include "route/labels.h"
#include "route/router_training.h"

namespace headwise {

// Everything of a router but its weights: what the labels say, the static set as fallback, and the controls
// of `route report` (all heads, the best layer window, qr, core, headrank, each with its published count).
Router describe_router(const RoutingLabels& labels, const JudgedStores& stores, ThreadPool& threads);

// The labelled queries, embeddings in step with labels.queries. The gains belong to `stores`, which must
// outlive them. kInvalidInput when a labelled query is not in the stores.
Result<std::vector<TrainingQuery>> training_queries(const RoutingLabels& labels, const JudgedStores& stores,
                                                    std::vector<std::vector<float>> embeddings);

// Splits off about `share` of each data set's queries, seeded: at least one of each that has two. Weights are
// set within both parts, each data set weighing the same or each query.
struct TrainingSplit {
  std::vector<TrainingQuery> train, dev;
};
TrainingSplit split_training(const RoutingLabels& labels, std::vector<TrainingQuery> queries, double share,
                             Balance balance, uint64_t seed);

// kInvalidInput when the labels were not made from such stores.
Status check_labels_fit(const RoutingLabels& labels, const StoreManifest& manifest);

}  // namespace headwise
