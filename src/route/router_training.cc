// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/router_training.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/shuffle.h"
#include "route/router_math.h"

namespace headwise {
namespace {

// Standard normal values; the same on every machine (Box and Muller, 1958).
class NormalValues {
 public:
  explicit NormalValues(uint64_t seed) : random_(seed) {}
  double next() {
    const double u = uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
  }

 private:
  double uniform() { return (static_cast<double>(random_() >> 11) + 0.5) * 0x1p-53; }
  std::mt19937_64 random_;
};

// AdamW with decoupled decay (Loshchilov and Hutter, ICLR 2019).
class AdamW {
 public:
  AdamW(double rate, double decay) : rate_(rate), decay_(decay) {}
  void begin_step() { ++step_; }
  void update(size_t slot, std::vector<double>& values, const std::vector<double>& gradient) {
    if (moments_.size() <= slot) moments_.resize(slot + 1);
    auto& [first, second] = moments_[slot];
    first.resize(values.size());
    second.resize(values.size());
    constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
    const double correct1 = 1.0 - std::pow(kBeta1, step_), correct2 = 1.0 - std::pow(kBeta2, step_);
    for (size_t i = 0; i < values.size(); ++i) {
      first[i] = kBeta1 * first[i] + (1.0 - kBeta1) * gradient[i];
      second[i] = kBeta2 * second[i] + (1.0 - kBeta2) * gradient[i] * gradient[i];
      values[i] -=
          rate_ * (first[i] / correct1 / (std::sqrt(second[i] / correct2) + kEpsilon) + decay_ * values[i]);
    }
  }

 private:
  double rate_, decay_;
  int step_ = 0;
  std::vector<std::pair<std::vector<double>, std::vector<double>>> moments_;
};

void standardise_on(std::span<const TrainingQuery> train, RouterWeights& weights) {
  const size_t C = train.front().embedding.size();
  weights.inputs = static_cast<int64_t>(C);
  weights.mean_C.assign(C, 0.0);
  weights.deviation_C.assign(C, 0.0);
  const auto n = static_cast<double>(train.size());
  for (const TrainingQuery& query : train) {
    for (size_t c = 0; c < C; ++c) weights.mean_C[c] += query.embedding[c] / n;
  }
  for (const TrainingQuery& query : train) {
    for (size_t c = 0; c < C; ++c) {
      const double off = query.embedding[c] - weights.mean_C[c];
      weights.deviation_C[c] += off * off / n;
    }
  }
  // Files hold float32; a value that never changes is left as it is.
  for (size_t c = 0; c < C; ++c) {
    weights.mean_C[c] = static_cast<float>(weights.mean_C[c]);
    weights.deviation_C[c] = static_cast<float>(std::sqrt(weights.deviation_C[c]));
    if (weights.deviation_C[c] < 1e-12) weights.deviation_C[c] = 1.0;
  }
}

// b at the logit of each head's smoothed label rate; W and e small, seeded.
RouterWeights initial_weights(std::span<const TrainingQuery> train, size_t pool,
                              const TrainingOptions& options) {
  RouterWeights weights;
  if (!options.bias_only) {
    standardise_on(train, weights);
    weights.inner = options.inner;
  }
  NormalValues normal(options.seed);
  const auto C = static_cast<size_t>(weights.inputs), R = static_cast<size_t>(weights.inner);
  weights.map_RC.resize(R * C);
  for (double& value : weights.map_RC) value = normal.next() / std::sqrt(static_cast<double>(C));
  weights.offset_R.assign(R, 0.0);
  weights.heads_KR.resize(pool * R);
  for (double& value : weights.heads_KR) value = 0.1 * normal.next();
  std::vector<double> counts(pool, 0.0);
  for (const TrainingQuery& query : train) {
    for (const int member : query.members) counts[static_cast<size_t>(member)] += 1.0;
  }
  for (const double count : counts) {
    const double rate = (count + 0.5) / (static_cast<double>(train.size()) + 1.0);
    weights.bias_K.push_back(std::log(rate / (1.0 - rate)));
  }
  return weights;
}

// As a file holds them.
RouterWeights rounded(RouterWeights weights) {
  for (std::vector<double>* values :
       {&weights.map_RC, &weights.offset_R, &weights.heads_KR, &weights.bias_K}) {
    for (double& value : *values) value = static_cast<float>(value);
  }
  return weights;
}

std::vector<std::vector<double>> probabilities_of(const Router& router,
                                                  std::span<const TrainingQuery> queries) {
  std::vector<std::vector<double>> found;
  for (const TrainingQuery& query : queries) found.push_back(router.probabilities(query.embedding));
  return found;
}

double ndcg_with(const Router& router, std::span<const TrainingQuery> queries,
                 const std::vector<std::vector<double>>& probabilities) {
  double sum = 0.0;
  std::vector<double> scores;
  for (size_t q = 0; q < queries.size(); ++q) {
    const PoolQuery& query = queries[q].ranking;
    const auto count = static_cast<size_t>(query.gains->candidates());
    scores.assign(count, 0.0);
    for (const HeadId head : router.choose(probabilities[q])) {
      const auto place = std::find(router.pool.begin(), router.pool.end(), head) - router.pool.begin();
      const double* row = query.values.data() + static_cast<size_t>(place) * count;
      for (size_t d = 0; d < count; ++d) scores[d] += row[d];
    }
    sum += query.weight * query.gains->ndcg10(scores);
  }
  return sum;
}

struct BestRouter {
  RouterWeights weights;
  double threshold = 0.0;
  double dev_ndcg = -1.0;
  std::vector<TrainingEpoch> epochs;
};

// One run with one sparsity.
BestRouter run(const Router& described, std::span<const TrainingQuery> train,
               std::span<const TrainingQuery> dev, const TrainingOptions& options, double sparsity) {
  const size_t pool = described.pool.size();
  RouterWeights weights = initial_weights(train, pool, options);
  const auto C = static_cast<size_t>(weights.inputs);
  std::vector<std::vector<double>> inputs;
  for (const TrainingQuery& query : train) {
    inputs.push_back(C > 0 ? standardise(weights, query.embedding) : std::vector<double>());
  }
  std::mt19937_64 random(options.seed ^ 0x5DEECE66DULL);
  std::vector<size_t> order(train.size());
  std::iota(order.begin(), order.end(), size_t{0});
  AdamW optimiser(options.learning_rate, options.weight_decay);
  BestRouter best;
  int since_best = 0;
  for (int epoch = 1; epoch <= options.epochs && since_best < options.patience; ++epoch) {
    shuffle(order, random);
    double loss = 0.0;
    for (size_t begin = 0; begin < order.size(); begin += static_cast<size_t>(options.batch)) {
      const size_t end = std::min(begin + static_cast<size_t>(options.batch), order.size());
      std::vector<double> x, y((end - begin) * pool, 0.0);
      for (size_t i = begin; i < end; ++i) {
        x.insert(x.end(), inputs[order[i]].begin(), inputs[order[i]].end());
        for (const int member : train[order[i]].members)
          y[(i - begin) * pool + static_cast<size_t>(member)] = 1.0;
      }
      const RouterGradients gradients = router_gradients(weights, {x, y, static_cast<int64_t>(end - begin)},
                                                         options.positive_weight, sparsity);
      loss += gradients.loss * static_cast<double>(end - begin) / static_cast<double>(order.size());
      optimiser.begin_step();
      optimiser.update(0, weights.map_RC, gradients.map_RC);
      optimiser.update(1, weights.offset_R, gradients.offset_R);
      optimiser.update(2, weights.heads_KR, gradients.heads_KR);
      optimiser.update(3, weights.bias_K, gradients.bias_K);
    }
    Router router = described;
    router.weights = rounded(weights);
    const auto probabilities = probabilities_of(router, dev);
    TrainingEpoch made{sparsity, epoch, loss, 0.0, -1.0};
    for (const double threshold : options.thresholds) {
      router.threshold = threshold;
      const double ndcg = ndcg_with(router, dev, probabilities);
      if (ndcg > made.dev_ndcg + SetKey::kTie) {
        made.dev_ndcg = ndcg;
        made.threshold = threshold;
      }
    }
    best.epochs.push_back(made);
    ++since_best;
    if (made.dev_ndcg <= best.dev_ndcg + SetKey::kTie) continue;
    best.dev_ndcg = made.dev_ndcg;
    best.threshold = made.threshold;
    best.weights = std::move(router.weights);
    since_best = 0;
  }
  return best;
}

}  // namespace

double routed_ndcg(const Router& router, std::span<const TrainingQuery> queries) {
  return ndcg_with(router, queries, probabilities_of(router, queries));
}

Result<TrainedRouter> train_router(const Router& described, std::span<const TrainingQuery> train,
                                   std::span<const TrainingQuery> dev, const TrainingOptions& options,
                                   ThreadPool& threads) {
  if (train.empty() || dev.empty()) {
    return fail(ErrorCode::kUsage, "a router needs queries to learn from and others to be tuned on: found " +
                                       std::to_string(train.size()) + " and " + std::to_string(dev.size()));
  }
  if (options.sparsities.empty() || options.thresholds.empty()) {
    return fail(ErrorCode::kUsage, "at least one sparsity weight and one threshold are needed");
  }
  for (const HeadId head : described.fallback) {
    HW_CHECK(std::find(described.pool.begin(), described.pool.end(), head) != described.pool.end());
  }
  std::vector<BestRouter> runs(options.sparsities.size());
  threads.parallel_for(static_cast<int64_t>(runs.size()), [&](int64_t i, int) {
    runs[static_cast<size_t>(i)] =
        run(described, train, dev, options, options.sparsities[static_cast<size_t>(i)]);
  });
  TrainedRouter trained;
  trained.router = described;
  trained.router.seed = options.seed;
  trained.router.dev_ndcg = -1.0;
  for (size_t i = 0; i < runs.size(); ++i) {
    trained.epochs.insert(trained.epochs.end(), runs[i].epochs.begin(), runs[i].epochs.end());
    if (runs[i].dev_ndcg <= trained.router.dev_ndcg + SetKey::kTie) continue;
    trained.router.dev_ndcg = runs[i].dev_ndcg;
    trained.router.threshold = runs[i].threshold;
    trained.router.sparsity = options.sparsities[i];
    trained.router.weights = std::move(runs[i].weights);
  }
  return trained;
}

}  // namespace headwise
