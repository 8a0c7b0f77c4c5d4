// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/routing_evaluation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <utility>

#include "base/check.h"
#include "base/digits.h"
#include "base/shuffle.h"
#include "eval/comparison.h"
#include "heads/head_overlap.h"
#include "rerank/fusion.h"
#include "route/labels.h"

namespace headwise {
namespace {

struct Ranked {
  double alone = 0.0, fused = 0.0;
};

Ranked rank_scores(const JudgedScores& query, std::span<const double> scores, double weight) {
  return {query.gains.ndcg10(scores),
          query.gains.ndcg10(fuse_weighted(scores, query.query.first_stage_scores, weight))};
}

class Evaluator {
 public:
  Evaluator(const JudgedStores& stores, const Router& router, const RoutingOptions& options,
            ThreadPool& threads)
      : stores_(stores),
        options_(options),
        threads_(threads),
        read_out_(read_out_of(router.calibration, router.token_filter)) {}

  // Mean of `samples` rankings of each query by the heads that heads_of(query, sample) names.
  MethodValues values(std::string_view name, int samples,
                      const std::function<std::vector<HeadId>(size_t query, int sample)>& heads_of,
                      std::span<const double> weights = {}) const {
    return collect(name, [&](size_t q) {
      const JudgedScores& query = stores_.queries[q];
      Ranked sum;
      for (int sample = 0; sample < samples; ++sample) {
        const std::vector<int> places = places_of(stores_.manifest, heads_of(q, sample));
        const Ranked one = rank_scores(query, summed_scores(query.scores, places, weights, read_out_),
                                       options_.fusion_weight);
        sum.alone += one.alone / samples;
        sum.fused += one.fused / samples;
      }
      return sum;
    });
  }

  MethodValues first_stage() const {
    return collect("first stage", [&](size_t q) {
      const double ndcg = stores_.queries[q].gains.ndcg10(stores_.queries[q].query.first_stage_scores);
      return Ranked{ndcg, ndcg};
    });
  }

  // The best label on the query's own judgements.
  MethodValues oracle(const Router& router) const {
    const std::vector<int> pool = places_of(stores_.manifest, router.pool);
    MethodValues found = collect("oracle", [&](size_t q) {
      ThreadPool alone(1);
      const JudgedScores& query = stores_.queries[q];
      const auto calibrated = calibrated_scores(query.scores, read_out_.calibration, read_out_.token_filter);
      const PoolQuery pool_query = make_pool_query(calibrated, query.gains, pool);
      std::vector<int> places;
      for (const int member : label_of_query(pool_query, static_cast<int>(pool.size()), router.most, alone)) {
        places.push_back(pool[static_cast<size_t>(member)]);
      }
      if (places.empty()) places = places_of(stores_.manifest, router.fallback);  // all sets rank alike
      return rank_scores(query, summed_scores(query.scores, places, {}, read_out_), options_.fusion_weight);
    });
    found.is_oracle = true;
    return found;
  }

 private:
  MethodValues collect(std::string_view name, const std::function<Ranked(size_t)>& one) const {
    const size_t count = stores_.queries.size();
    MethodValues found{std::string(name), std::vector<double>(count), std::vector<double>(count), false};
    threads_.parallel_for(static_cast<int64_t>(count), [&](int64_t i, int) {
      const auto q = static_cast<size_t>(i);
      const Ranked ranked = one(q);
      found.alone[q] = ranked.alone;
      found.fused[q] = ranked.fused;
    });
    return found;
  }

  const JudgedStores& stores_;
  const RoutingOptions& options_;
  ThreadPool& threads_;
  ReadOut read_out_;
};

// For each query another query of its data set, so that no embedding stays at home where there are two.
std::vector<size_t> shuffle_within(const std::vector<size_t>& group_of, std::mt19937_64& random) {
  std::map<size_t, std::vector<size_t>> groups;
  for (size_t i = 0; i < group_of.size(); ++i) groups[group_of[i]].push_back(i);
  std::vector<size_t> other(group_of.size());
  for (auto& [group, members] : groups) {
    std::vector<size_t> cycle = members;
    shuffle(cycle, random);
    for (size_t i = 0; i < cycle.size(); ++i) other[cycle[i]] = cycle[(i + 1) % cycle.size()];
  }
  return other;
}

std::vector<HeadId> random_heads(const StoreManifest& manifest, int count, std::mt19937_64& random) {
  std::vector<HeadId> all;
  for (int layer = 0; layer < manifest.layers; ++layer) {
    for (int head = 0; head < manifest.heads; ++head) all.push_back({layer, head});
  }
  draw(all, static_cast<size_t>(count), random);
  return all;
}

// Of two sets in order.
double overlap_of(const std::vector<HeadId>& a, const std::vector<HeadId>& b) {
  std::vector<HeadId> shared;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(shared));
  return jaccard(shared.size(), a.size(), b.size());
}

Overlap measure_overlap(const RoutingEvaluation& evaluation, const Router& router, size_t fallbacks) {
  Overlap overlap;
  overlap.queries = evaluation.routed.size();
  overlap.fallbacks = fallbacks;
  std::vector<std::vector<HeadId>> sets = evaluation.routed;
  for (std::vector<HeadId>& set : sets) std::sort(set.begin(), set.end());
  std::map<std::vector<HeadId>, size_t> counts;
  for (const auto& set : sets) ++counts[set];
  overlap.distinct = counts.size();
  size_t commonest = 0;
  for (const auto& [set, count] : counts) commonest = std::max(commonest, count);
  overlap.commonest = static_cast<double>(commonest) / static_cast<double>(sets.size());
  double within = 0.0, between = 0.0;
  size_t pairs_within = 0, pairs_between = 0;
  for (size_t i = 0; i < sets.size(); ++i) {
    for (size_t j = i + 1; j < sets.size(); ++j) {
      const bool same = evaluation.group_of[i] == evaluation.group_of[j];
      (same ? within : between) += overlap_of(sets[i], sets[j]);
      ++(same ? pairs_within : pairs_between);
    }
  }
  overlap.within = pairs_within > 0 ? within / static_cast<double>(pairs_within) : 1.0;
  if (pairs_between > 0) overlap.between = between / static_cast<double>(pairs_between);
  overlap.use.assign(evaluation.data.size(), std::vector<double>(router.pool.size(), 0.0));
  std::vector<double> total(router.pool.size(), 0.0);
  for (size_t i = 0; i < sets.size(); ++i) {
    for (const HeadId head : sets[i]) {
      const auto place =
          static_cast<size_t>(std::find(router.pool.begin(), router.pool.end(), head) - router.pool.begin());
      if (place == router.pool.size()) continue;  // a fallback from outside the pool
      overlap.use[evaluation.group_of[i]][place] +=
          1.0 / static_cast<double>(evaluation.queries_in(evaluation.group_of[i]));
      total[place] += 1.0;
    }
  }
  const double sum = std::accumulate(total.begin(), total.end(), 0.0);
  for (const double count : total) {
    if (count > 0.0) overlap.entropy -= count / sum * std::log(count / sum);
  }
  if (total.size() > 1) overlap.entropy /= std::log(static_cast<double>(total.size()));
  return overlap;
}

void add_tests(RoutingEvaluation& evaluation, const RoutingOptions& options) {
  const size_t groups = evaluation.data.size() + (evaluation.data.size() > 1 ? 1 : 0);
  for (size_t group = 0; group < groups; ++group) {
    for (const bool fused : {false, true}) {
      const size_t first = evaluation.tests.size();
      std::vector<double> t, randomisation;
      for (size_t method = 1; method < evaluation.methods.size(); ++method) {
        if (evaluation.methods[method].is_oracle) continue;
        std::vector<double> ours, theirs;
        for (size_t q = 0; q < evaluation.group_of.size(); ++q) {
          if (group < evaluation.data.size() && evaluation.group_of[q] != group) continue;
          const auto& values = evaluation.methods;
          ours.push_back(fused ? values[0].fused[q] : values[0].alone[q]);
          const double other = fused ? values[method].fused[q] : values[method].alone[q];
          // Means of several samples differ in their last bits from a single value: that is a tie.
          theirs.push_back(std::abs(other - ours.back()) < SetKey::kTie ? ours.back() : other);
        }
        PairedTestOptions test_options;
        test_options.seed = options.seed;
        test_options.samples = 20'000;
        RoutingTest made{method, group, fused, paired_test(theirs, ours, test_options), 1.0, 1.0};
        t.push_back(made.test.t_test_p.value_or(1.0));
        randomisation.push_back(made.test.randomisation_p);
        evaluation.tests.push_back(made);
      }
      const std::vector<double> t_holm = holm(t), randomisation_holm = holm(randomisation);
      for (size_t i = 0; i < t.size(); ++i) {
        evaluation.tests[first + i].t_holm = t_holm[i];
        evaluation.tests[first + i].randomisation_holm = randomisation_holm[i];
      }
    }
  }
}

}  // namespace

size_t RoutingEvaluation::queries_in(size_t group) const {
  if (group >= data.size()) return group_of.size();
  return static_cast<size_t>(std::count(group_of.begin(), group_of.end(), group));
}

double RoutingEvaluation::mean(size_t method, size_t group, bool fused) const {
  const std::vector<double>& values = fused ? methods[method].fused : methods[method].alone;
  double sum = 0.0;
  for (size_t q = 0; q < values.size(); ++q) {
    if (group >= data.size() || group_of[q] == group) sum += values[q];
  }
  return sum / static_cast<double>(std::max<size_t>(queries_in(group), 1));
}

const RoutingTest* RoutingEvaluation::find(size_t method, size_t group, bool fused) const {
  // One data set: the group of all is that one.
  if (data.size() == 1) group = 0;
  for (const RoutingTest& test : tests) {
    if (test.method == method && test.group == group && test.fused == fused) return &test;
  }
  return nullptr;
}

std::optional<size_t> RoutingEvaluation::method_named(std::string_view name) const {
  for (size_t i = 0; i < methods.size(); ++i) {
    if (methods[i].name == name) return i;
  }
  return std::nullopt;
}

Status check_stores_for(const Router& router, const StoreManifest& manifest) {
  StoreManifest made_for;
  made_for.model = router.model;
  made_for.prompt_template = router.prompt_template;
  made_for.encoding = router.encoding;
  made_for.rows = router.rows;
  const auto difference = first_difference(made_for, manifest, {{"model", "template", "encoding", "rows"}});
  if (!difference) return {};
  return fail(ErrorCode::kInvalidInput,
              "the router's " + difference->member + " is " + difference->left + ", the store's " +
                  difference->right + "; write a store with the router's, or train a router on such stores");
}

Result<RoutingEvaluation> evaluate_routing(const JudgedStores& stores, const Router& router,
                                           std::span<const std::vector<float>> embeddings,
                                           const RoutingOptions& options, ThreadPool& threads) {
  HW_RETURN_IF_ERROR(check_stores_for(router, stores.manifest));
  HW_CHECK(embeddings.size() == stores.queries.size());
  RoutingEvaluation evaluation;
  evaluation.data = stores.data;
  evaluation.layers = stores.manifest.layers;
  for (const JudgedScores& query : stores.queries) {
    evaluation.query_ids.push_back(query.query.id);
    evaluation.group_of.push_back(query.store);
  }
  size_t fallbacks = 0;
  for (const std::vector<float>& embedding : embeddings) {
    const std::vector<double> p = router.probabilities(embedding);
    evaluation.routed.push_back(router.choose(p));
    fallbacks += router.falls_back(p) ? 1 : 0;
    int deepest = 0;
    for (const HeadId head : evaluation.routed.back()) deepest = std::max(deepest, head.layer);
    evaluation.mean_deepest += static_cast<double>(deepest) / static_cast<double>(embeddings.size());
  }
  for (const HeadId head : router.fallback)
    evaluation.static_deepest = std::max(evaluation.static_deepest, head.layer);

  const Evaluator evaluator(stores, router, options, threads);
  evaluation.methods.push_back(
      evaluator.values(kRoutedName, 1, [&](size_t q, int) { return evaluation.routed[q]; }));
  evaluation.methods.push_back(evaluator.first_stage());
  evaluation.methods.push_back(
      evaluator.values(kStaticName, 1, [&](size_t, int) { return router.fallback; }));
  for (const NamedHeads& control : router.controls) {
    evaluation.methods.push_back(evaluator.values(
        control.name, 1, [&](size_t, int) { return control.heads; }, control.weights));
  }
  std::mt19937_64 random(options.seed);
  std::vector<std::vector<size_t>> others;
  for (int i = 0; i < options.permutations; ++i)
    others.push_back(shuffle_within(evaluation.group_of, random));
  evaluation.methods.push_back(evaluator.values(
      kShuffledName, options.permutations,
      [&](size_t q, int sample) { return evaluation.routed[others[static_cast<size_t>(sample)][q]]; }));
  std::vector<std::vector<HeadId>> drawn;
  for (int i = 0; i < options.draws; ++i) drawn.push_back(random_heads(stores.manifest, router.most, random));
  evaluation.methods.push_back(
      evaluator.values("random " + std::to_string(router.most), options.draws,
                       [&](size_t, int sample) { return drawn[static_cast<size_t>(sample)]; }));
  evaluation.methods.push_back(evaluator.oracle(router));
  add_tests(evaluation, options);
  evaluation.overlap = measure_overlap(evaluation, router, fallbacks);
  return evaluation;
}

Verdict routing_verdict(const RoutingEvaluation& evaluation) {
  const size_t all = evaluation.data.size();
  Verdict verdict;
  verdict.helps = true;
  std::vector<const RoutingTest*> tests;
  std::vector<double> t, randomisation;
  for (const std::string_view name : {kStaticName, kBiasOnlyName, kShuffledName}) {
    const auto method = evaluation.method_named(name);
    const RoutingTest* test = method ? evaluation.find(*method, all, false) : nullptr;
    if (test == nullptr) continue;
    tests.push_back(test);
    t.push_back(test->test.t_test_p.value_or(1.0));
    randomisation.push_back(test->test.randomisation_p);
  }
  const std::vector<double> t_holm = holm(t), randomisation_holm = holm(randomisation);
  verdict.helps = !tests.empty();
  std::string figures;
  for (size_t i = 0; i < tests.size(); ++i) {
    const RoutingTest& test = *tests[i];
    verdict.helps = verdict.helps && test.test.mean_difference > 0.0 && t_holm[i] < kSignificanceLevel &&
                    randomisation_holm[i] < kSignificanceLevel;
    figures += (i > 0 ? ", " : "") + evaluation.methods[test.method].name + " " +
               fixed_digits(evaluation.mean(test.method, all, false)) + " (" +
               signed_digits(test.test.mean_difference) + ", p " + fixed_digits(t_holm[i], 3) + ")";
  }
  const auto oracle = evaluation.method_named("oracle");
  verdict.text = std::string(verdict.helps ? "Routing helps" : "Routing does not help") +
                 " on these held-out queries: nDCG@10 " + fixed_digits(evaluation.mean(0, all, false)) +
                 " routed, against " + figures + "; p is the paired t-test's after Holm's correction.";
  if (oracle) {
    verdict.text += " The oracle's " + fixed_digits(evaluation.mean(*oracle, all, false)) +
                    " fits each query's own judgements and says nothing about routing.";
  }
  return verdict;
}

std::string overlap_verdict(const RoutingEvaluation& evaluation) {
  const Overlap& overlap = evaluation.overlap;
  const std::string counts = std::to_string(overlap.distinct) + " distinct sets for " +
                             std::to_string(overlap.queries) + " queries, the commonest for " +
                             fixed_digits(100.0 * overlap.commonest, 0) + " % of them";
  const std::string jaccard =
      "mean Jaccard overlap " + fixed_digits(overlap.within, 2) + " within a data set" +
      (overlap.between ? ", " + fixed_digits(*overlap.between, 2) + " between data sets" : "");
  if (overlap.distinct == 1) return "The routed sets collapse to one: every query gets the same heads.";
  if (overlap.commonest > 0.5) return "The routed sets nearly collapse: " + counts + "; " + jaccard + ".";
  constexpr double kClearlyApart = 0.1;
  if (overlap.between && overlap.within - *overlap.between > kClearlyApart) {
    return "The routed sets vary, most of all with the domain: " + counts + "; " + jaccard + ".";
  }
  return "The routed sets vary with the query, hardly with the domain: " + counts + "; " + jaccard + ".";
}

}  // namespace headwise
