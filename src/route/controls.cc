// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/controls.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/shuffle.h"
#include "heads/selection.h"

namespace headwise {
namespace {

void set_weights(std::vector<TrainingQuery>& queries, const std::vector<size_t>& stores, Balance balance) {
  const std::vector<double> weights = balanced_weights(stores, balance);
  for (size_t i = 0; i < queries.size(); ++i) queries[i].ranking.weight = weights[i];
}

}  // namespace

Status check_labels_fit(const RoutingLabels& labels, const StoreManifest& manifest) {
  const auto difference = first_difference(labels.manifest, manifest,
                                           {{"model", "template", "encoding", "rows", "layers", "heads"}});
  if (!difference) return {};
  return fail(ErrorCode::kInvalidInput, "the labels were made from stores whose " + difference->member +
                                            " is " + difference->left + ", this store's is " +
                                            difference->right +
                                            "; make labels from these stores with `headwise route label`");
}

Router describe_router(const RoutingLabels& labels, const JudgedStores& stores, ThreadPool& threads) {
  Router router;
  router.model = labels.manifest.model;
  router.prompt_template = labels.manifest.prompt_template;
  router.encoding = labels.manifest.encoding;
  router.rows = labels.manifest.rows;
  router.calibration = labels.calibration;
  router.token_filter = labels.token_filter;
  router.pool = labels.pool;
  router.most = labels.most;
  router.data = labels.data;

  const ReadOut read_out = read_out_of(labels.calibration, labels.token_filter);
  const std::vector<int> pool = places_of(stores.manifest, labels.pool);
  std::vector<PoolQuery> queries;
  for (const JudgedScores& query : stores.queries) {
    queries.push_back(make_pool_query(
        calibrated_scores(query.scores, read_out.calibration, read_out.token_filter), query.gains, pool));
    queries.back().weight = query.weight;
  }
  const FoundSet found = forward_swap(queries, static_cast<int>(pool.size()), labels.most, threads);
  for (const int member : found.members) router.fallback.push_back(labels.pool[static_cast<size_t>(member)]);

  SelectionOptions options;
  options.calibration = read_out.calibration;
  options.token_filter = read_out.token_filter;
  for (const char* name : {"all", "layers", "qr", "core", "headrank", "weighted"}) {
    const SelectionMethod* method = find_selection_method(name);
    HW_CHECK(method != nullptr);
    auto selected = select_heads(stores, *method, options, threads);
    if (!selected) continue;  // no head at all: cannot be with these options
    const std::string count =
        method->published_count > 0 ? " " + std::to_string(method->published_count) : "";
    router.controls.push_back({name + count, std::move(selected->heads), std::move(selected->weights)});
  }
  return router;
}

Result<std::vector<TrainingQuery>> training_queries(const RoutingLabels& labels, const JudgedStores& stores,
                                                    std::vector<std::vector<float>> embeddings) {
  HW_CHECK(embeddings.size() == labels.queries.size());
  const ReadOut read_out = read_out_of(labels.calibration, labels.token_filter);
  const std::vector<int> pool = places_of(stores.manifest, labels.pool);
  std::map<std::pair<std::string_view, std::string_view>, const JudgedScores*> by_id;
  for (const JudgedScores& query : stores.queries)
    by_id.emplace(std::pair<std::string_view, std::string_view>(query.query.id, query.query.text), &query);
  std::vector<TrainingQuery> queries;
  for (size_t i = 0; i < labels.queries.size(); ++i) {
    const QueryLabel& label = labels.queries[i];
    const auto found = by_id.find({label.id, label.text});
    if (found == by_id.end()) {
      return fail(ErrorCode::kInvalidInput,
                  "the labelled query '" + label.id +
                      "' is not in these stores, or not judged; give the stores and "
                      "judgements that the labels were made from");
    }
    const JudgedScores& query = *found->second;
    const auto values = calibrated_scores(query.scores, read_out.calibration, read_out.token_filter);
    queries.push_back({std::move(embeddings[i]), label.members, make_pool_query(values, query.gains, pool)});
  }
  return queries;
}

TrainingSplit split_training(const RoutingLabels& labels, std::vector<TrainingQuery> queries, double share,
                             Balance balance, uint64_t seed) {
  std::map<size_t, std::vector<size_t>> by_store;
  for (size_t i = 0; i < queries.size(); ++i) by_store[labels.queries[i].store].push_back(i);
  std::vector<bool> is_dev(queries.size(), false);
  std::mt19937_64 random(seed ^ 0xD1B54A32D192ED03ULL);
  for (auto& [store, members] : by_store) {
    shuffle(members, random);
    auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(members.size())));
    if (members.size() >= 2) wanted = std::clamp<size_t>(wanted, 1, members.size() - 1);
    for (size_t i = 0; i < wanted && members.size() >= 2; ++i) is_dev[members[i]] = true;
  }
  TrainingSplit split;
  std::vector<size_t> train_stores, dev_stores;
  for (size_t i = 0; i < queries.size(); ++i) {
    (is_dev[i] ? split.dev : split.train).push_back(std::move(queries[i]));
    (is_dev[i] ? dev_stores : train_stores).push_back(labels.queries[i].store);
  }
  set_weights(split.train, train_stores, balance);
  set_weights(split.dev, dev_stores, balance);
  return split;
}

}  // namespace headwise
