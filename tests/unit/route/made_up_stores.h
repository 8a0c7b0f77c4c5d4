// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: judged head scores and query embeddings made of a seed, so that what routing can and
// cannot find is known beforehand.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "heads/judged_scores.h"
#include "route/controls.h"

namespace headwise::made_up {

struct Shape {
  int layers = 8, heads = 8;
  int queries = 160;
  int candidates = 20, relevant = 2;
  int data_sets = 2;
  int topics = 8;
};

struct Problem {
  JudgedStores stores;
  std::vector<std::vector<float>> embeddings;  // one a query
};

// How much of a relevant candidate a head sees for a query of a topic; the noise has deviation 1.
using Signal = std::function<double(int head, int topic)>;

inline Problem make(const Shape& shape, const Signal& signal, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Problem problem;
  JudgedStores& stores = problem.stores;
  stores.manifest.model = "made-up";
  stores.manifest.layers = shape.layers;
  stores.manifest.heads = shape.heads;
  stores.manifest.prompt_template = stores.manifest.encoding = "blocks";
  stores.manifest.rows = "template";
  for (int set = 0; set < shape.data_sets; ++set) stores.data.push_back("set " + std::to_string(set));
  constexpr int kWidth = 24;
  std::vector<std::vector<double>> centres(static_cast<size_t>(shape.topics), std::vector<double>(kWidth));
  std::mt19937_64 fixed(99);  // the same topics for training and for test queries
  for (auto& centre : centres) {
    for (double& value : centre) value = normal(fixed);
  }
  for (int q = 0; q < shape.queries; ++q) {
    const int topic = q % shape.topics;
    StoredQuery query{
        "q" + std::to_string(seed) + "-" + std::to_string(q), "question " + std::to_string(q), {}, {}};
    JudgedQuery judged;
    judged.id = query.id;
    std::vector<int> grades(static_cast<size_t>(shape.candidates), 0);
    for (int i = 0; i < shape.relevant; ++i) grades[static_cast<size_t>(random() % grades.size())] = 1;
    for (int d = 0; d < shape.candidates; ++d) {
      query.candidates.push_back("d" + std::to_string(d));
      query.first_stage_scores.push_back(normal(random));
      judged.judgements.push_back({query.candidates.back(), grades[static_cast<size_t>(d)]});
    }
    StoredScores scores{shape.layers, shape.heads, shape.candidates, {}};
    const auto all = static_cast<size_t>(shape.layers * shape.heads * shape.candidates);
    scores.values.assign(3 * all, 0.0f);
    for (size_t i = 0; i < all; ++i) {
      const int head = static_cast<int>(i) / shape.candidates;
      const int grade = grades[i % static_cast<size_t>(shape.candidates)];
      scores.values[i] = static_cast<float>(normal(random) + signal(head, topic) * grade);
    }
    CandidateGains gains(query, judged);
    stores.queries.push_back({std::move(query), std::move(scores), std::move(gains),
                              static_cast<size_t>(q / shape.topics % shape.data_sets), 1.0});
    std::vector<float> embedding;
    for (int c = 0; c < kWidth; ++c) {
      embedding.push_back(static_cast<float>(centres[static_cast<size_t>(topic)][static_cast<size_t>(c)] +
                                             0.5 * normal(random)));
    }
    problem.embeddings.push_back(std::move(embedding));
  }
  balance_weights(stores.queries, Balance::kQueries);
  return problem;
}

inline constexpr ReadOut kRaw{Calibration::kNone, TokenFilter::kNone};

template <typename T>
T must(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().to_string();
  return std::move(result).value();
}

struct Trained {
  RoutingLabels labels;
  Router router;
  std::vector<TrainingEpoch> epochs;
};

// Labels, split and training as the verbs do them.
inline Trained train(const Problem& problem, const TrainingOptions& options, ThreadPool& threads) {
  LabelOptions label_options;
  label_options.read_out = kRaw;
  Trained made;
  made.labels = must(make_labels(problem.stores, label_options, threads));
  made.labels.calibration = made.labels.token_filter = "none";
  Router described = describe_router(made.labels, problem.stores, threads);
  std::vector<std::vector<float>> embeddings;
  for (const QueryLabel& label : made.labels.queries) {
    for (size_t q = 0; q < problem.stores.queries.size(); ++q) {
      if (problem.stores.queries[q].query.id == label.id) embeddings.push_back(problem.embeddings[q]);
    }
  }
  EXPECT_EQ(embeddings.size(), made.labels.queries.size());
  auto queries = must(training_queries(made.labels, problem.stores, std::move(embeddings)));
  const TrainingSplit split = split_training(made.labels, std::move(queries), 0.25, Balance::kQueries, 1);
  auto trained = must(train_router(described, split.train, split.dev, options, threads));
  TrainingOptions blind = options;
  blind.bias_only = true;
  const auto fixed = must(train_router(described, split.train, split.dev, blind, threads));
  trained.router.controls.push_back(
      {"bias-only router", fixed.router.choose(fixed.router.probabilities({}))});
  made.router = std::move(trained.router);
  made.epochs = std::move(trained.epochs);
  return made;
}

}  // namespace headwise::made_up
