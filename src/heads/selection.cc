// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "base/shuffle.h"
#include "heads/forward_swap.h"
#include "heads/listwise_weights.h"
#include "rerank/fusion.h"
#include "rerank/option_words.h"

namespace headwise {
namespace {

constexpr double kLogFloor = 1e-9;  // under a logarithm of a share of attention

// [queries, width]: per_query(query, row) fills each row. Queries run in parallel.
using PerQuery = std::function<void(const JudgedScores& query, std::span<double> values)>;
std::vector<double> for_each_query(const JudgedStores& stores, size_t width, ThreadPool& threads,
                                   const PerQuery& per_query) {
  std::vector<double> rows(stores.queries.size() * width, 0.0);
  threads.parallel_for(static_cast<int64_t>(stores.queries.size()), [&](int64_t q, int) {
    const auto query = static_cast<size_t>(q);
    per_query(stores.queries[query], std::span(rows).subspan(query * width, width));
  });
  return rows;
}

// (Weighted) mean over queries.
std::vector<double> mean_row(const JudgedStores& stores, const std::vector<double>& rows, size_t width) {
  std::vector<double> mean(width, 0.0);
  for (size_t row = 0; row < stores.queries.size(); ++row) {
    for (size_t i = 0; i < width; ++i) mean[i] += stores.queries[row].weight * rows[row * width + i];
  }
  return mean;
}

std::vector<double> mean_over_queries(const JudgedStores& stores, ThreadPool& threads,
                                      const PerQuery& per_query) {
  const auto heads = static_cast<size_t>(stores.heads());
  return mean_row(stores, for_each_query(stores, heads, threads, per_query), heads);
}

// Mean over queries of the sum of the filtered, calibrated attention of the relevant passages.
std::vector<double> qr_scores(const JudgedStores& stores, const SelectionOptions& options,
                              ThreadPool& threads) {
  if (options.qr_by_ndcg) return single_head_ndcg(stores, options, threads);
  return mean_over_queries(stores, threads, [](const JudgedScores& query, std::span<double> out) {
    for (size_t h = 0; h < out.size(); ++h) {
      const int layer = static_cast<int>(h) / query.scores.heads;
      const float* row = query.scores.of(kStoreNaFiltered, layer, static_cast<int>(h) % query.scores.heads);
      for (const int candidate : query.gains.relevant_candidates()) out[h] += row[candidate];
    }
  });
}

// Mean over positives of softmax over {positive, negatives} of s / t at the positive; positives of one query
// weigh together as much as those of another.
std::vector<double> core_scores(const JudgedStores& stores, const SelectionOptions& options,
                                ThreadPool& threads) {
  return mean_over_queries(stores, threads, [&](const JudgedScores& query, std::span<double> out) {
    // Hard negatives: the first stage's best without a grade.
    std::vector<int> negatives;
    for (const int candidate : descending_order(query.query.first_stage_scores)) {
      if (options.negatives > 0 && static_cast<int>(negatives.size()) >= options.negatives) break;
      if (!query.gains.relevant(candidate)) negatives.push_back(candidate);
    }
    for (size_t h = 0; h < out.size(); ++h) {
      const float* row = query.scores.of(kStoreQuery, static_cast<int>(h) / query.scores.heads,
                                         static_cast<int>(h) % query.scores.heads);
      double sum = 0.0;
      for (const int positive : query.gains.relevant_candidates()) {
        double others = 0.0;  // relative to the positive; infinite when a negative is far above
        for (const int negative : negatives) {
          others += std::exp((static_cast<double>(row[negative]) - row[positive]) / options.temperature);
        }
        sum += 1.0 / (1.0 + others);
      }
      out[h] = sum / static_cast<double>(query.gains.relevant_candidates().size());
    }
  });
}

// D - lambda E of one head's candidate scores.
double headrank_score(const float* row, const CandidateGains& gains, const SelectionOptions& options) {
  const int64_t count = gains.candidates();
  double total = 0.0;
  for (int64_t d = 0; d < count; ++d) total += row[d];
  std::vector<double> log_share(static_cast<size_t>(count));
  double entropy = 0.0;
  for (int64_t d = 0; d < count; ++d) {
    const double share = total > 0.0 ? row[d] / total : 1.0 / static_cast<double>(count);
    log_share[static_cast<size_t>(d)] = std::log(share + kLogFloor);
    if (share > 0.0) entropy -= share * std::log(share);
  }
  if (count > 1) entropy /= std::log(static_cast<double>(count));
  double apart = 0.0;
  int64_t pairs = 0;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < count; ++j) {
      if (gains.grade(i) <= gains.grade(j)) continue;
      const double margin = log_share[static_cast<size_t>(i)] - log_share[static_cast<size_t>(j)];
      apart += 1.0 / (1.0 + std::exp(-margin / options.margin_scale));
      ++pairs;
    }
  }
  return (pairs > 0 ? apart / static_cast<double>(pairs) : 0.5) - options.entropy_weight * entropy;
}

std::vector<double> headrank_scores(const JudgedStores& stores, const SelectionOptions& options,
                                    ThreadPool& threads) {
  return mean_over_queries(stores, threads, [&](const JudgedScores& query, std::span<double> out) {
    for (size_t h = 0; h < out.size(); ++h) {
      const float* row = query.scores.of(kStoreQuery, static_cast<int>(h) / query.scores.heads,
                                         static_cast<int>(h) % query.scores.heads);
      out[h] = headrank_score(row, query.gains, options);
    }
  });
}

int deepest_allowed(const JudgedStores& stores, const SelectionOptions& options) {
  const int last = stores.manifest.layers - 1;
  return options.max_layer < 0 ? last : std::min(options.max_layer, last);
}

Selection all_heads(const JudgedStores& stores, const SelectionOptions& options, int, ThreadPool&) {
  Selection found;
  for (int layer = 0; layer <= deepest_allowed(stores, options); ++layer) {
    for (int head = 0; head < stores.manifest.heads; ++head) found.heads.push_back({layer, head});
  }
  return found;
}

Selection layer_window(const JudgedStores& stores, const SelectionOptions& options, int,
                       ThreadPool& threads) {
  std::vector<double> by_layer = layer_ndcg(stores, options, threads);
  by_layer.resize(static_cast<size_t>(deepest_allowed(stores, options)) + 1);
  const LayerWindow window = window_around_peak(by_layer, options.window);
  Selection found;
  for (int layer = window.first; layer <= window.last; ++layer) {
    for (int head = 0; head < stores.manifest.heads; ++head) found.heads.push_back({layer, head});
  }
  return found;
}

// Places of the best `count` by score among the layers allowed; ties: the lower layer and head.
std::vector<int> best_places(const JudgedStores& stores, const std::vector<double>& scores,
                             const SelectionOptions& options, int count) {
  const int allowed = (deepest_allowed(stores, options) + 1) * stores.manifest.heads;
  std::vector<int> places(static_cast<size_t>(allowed));
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](int a, int b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  places.resize(std::min(places.size(), static_cast<size_t>(count)));
  return places;
}

Selection static_set(const JudgedStores& stores, const SelectionOptions& options, int count,
                     ThreadPool& threads) {
  const std::vector<double> single = single_head_ndcg(stores, options, threads);
  const std::vector<int> pool = best_places(stores, single, options, options.pool);
  std::vector<PoolQuery> queries;
  for (const JudgedScores& query : stores.queries) {
    const auto values = calibrated_scores(query.scores, options.calibration, options.token_filter);
    queries.push_back(make_pool_query(values, query.gains, pool));
    queries.back().weight = query.weight;
  }
  const FoundSet found = forward_swap(queries, static_cast<int>(pool.size()), count, threads);
  Selection selection;
  for (const int member : found.members) {
    const int place = pool[static_cast<size_t>(member)];
    selection.heads.push_back(stores.head(place));
    selection.head_scores.push_back(single[static_cast<size_t>(place)]);
  }
  return selection;
}

// The largest weights of all heads together, then the weights of those alone.
Selection weighted_heads(const JudgedStores& stores, const SelectionOptions& options, int count,
                         ThreadPool& threads) {
  std::vector<int> places(
      static_cast<size_t>((deepest_allowed(stores, options) + 1) * stores.manifest.heads));
  std::iota(places.begin(), places.end(), 0);
  const ReadOut read_out{options.calibration, options.token_filter};
  const ListwiseWeights all = listwise_weights(stores, places, read_out, options.ridge, threads);
  std::vector<double> sizes(all.standard.size());
  std::transform(all.standard.begin(), all.standard.end(), sizes.begin(),
                 [](double w) { return std::abs(w); });
  Selection found;
  const std::vector<int> best = best_places(stores, sizes, options, count);
  for (const int place : best) {
    found.heads.push_back(stores.head(place));
    found.head_scores.push_back(all.standard[static_cast<size_t>(place)]);
  }
  found.weights = listwise_weights(stores, best, read_out, options.ridge, threads).raw;
  return found;
}

Selection random_heads(const JudgedStores& stores, const SelectionOptions& options, int count, ThreadPool&) {
  std::vector<int> places(
      static_cast<size_t>((deepest_allowed(stores, options) + 1) * stores.manifest.heads));
  std::iota(places.begin(), places.end(), 0);
  std::mt19937_64 random(options.seed);
  draw(places, static_cast<size_t>(count), random);
  Selection found;
  for (const int place : places) found.heads.push_back(stores.head(place));
  return found;
}

constexpr std::array<SelectionMethod, 8> kMethods{{
    {"all", "every head (ICR)", 0, nullptr, all_heads},
    {"layers", "a window of layers around the best one (Selective-ICR)", 0, nullptr, layer_window},
    {"qr", "calibrated attention to relevant passages (QRHead)", 16, qr_scores, nullptr},
    {"core", "softmax of the positive against negatives (CoRe)", 8, core_scores, nullptr},
    {"headrank", "grades told apart, less entropy (HeadRank)", 8, headrank_scores, nullptr},
    {"static", "forward + swap search on mean nDCG@10", 8, nullptr, static_set},
    {"weighted", "weights by listwise regression, the largest kept (ours)", 32, nullptr, weighted_heads},
    {"random", "a seeded draw", 8, nullptr, random_heads},
}};

}  // namespace

std::span<const SelectionMethod> selection_methods() { return kMethods; }

std::vector<std::string> selection_method_names() {
  std::vector<std::string> names;
  for (const SelectionMethod& method : kMethods) names.emplace_back(method.name);
  return names;
}

const SelectionMethod* find_selection_method(std::string_view name) {
  const auto found = std::find_if(kMethods.begin(), kMethods.end(),
                                  [&](const SelectionMethod& method) { return method.name == name; });
  return found == kMethods.end() ? nullptr : &*found;
}

HeadSet head_set_of(const JudgedStores& stores, const Selection& found, const SelectionMethod& method,
                    const SelectionOptions& options) {
  HeadSet set;
  set.model = stores.manifest.model;
  set.heads = found.heads;
  set.head_scores = found.head_scores;
  set.weights = found.weights;
  set.method = method.name;
  set.prompt_template = stores.manifest.prompt_template;
  set.encoding = stores.manifest.encoding;
  set.calibration = word_of(kCalibrationWords, options.calibration);
  set.token_filter = word_of(kTokenFilterWords, options.token_filter);
  set.rows = stores.manifest.rows;
  set.keep_budget = budget_of(stores.manifest);
  set.data = stores.data;
  set.ndcg = found.ndcg;
  return set;
}

Result<Selection> select_heads(const JudgedStores& stores, const SelectionMethod& method,
                               const SelectionOptions& options, ThreadPool& threads) {
  const int count = options.count > 0 ? options.count : method.published_count;
  Selection found;
  if (method.select != nullptr) {
    found = method.select(stores, options, count, threads);
  } else {
    const std::vector<double> scores = method.score(stores, options, threads);
    for (const int place : best_places(stores, scores, options, count)) {
      found.heads.push_back(stores.head(place));
      found.head_scores.push_back(scores[static_cast<size_t>(place)]);
    }
  }
  if (found.heads.empty()) return fail(ErrorCode::kUsage, "these options leave no head to choose from");
  found.ndcg = sum_ndcg(stores, {.heads = found.heads, .weights = found.weights}, options, threads);
  return found;
}

std::vector<double> query_head_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                                    ThreadPool& threads) {
  const auto heads = static_cast<size_t>(stores.heads());
  return for_each_query(stores, heads, threads, [&](const JudgedScores& query, std::span<double> out) {
    const auto values = calibrated_scores(query.scores, options.calibration, options.token_filter);
    const size_t count = query.query.candidates.size();
    for (size_t h = 0; h < out.size(); ++h) {
      out[h] = query.gains.ndcg10(std::span(values).subspan(h * count, count));
    }
  });
}

std::vector<double> single_head_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                                     ThreadPool& threads) {
  return mean_row(stores, query_head_ndcg(stores, options, threads), static_cast<size_t>(stores.heads()));
}

std::vector<double> layer_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                               ThreadPool& threads) {
  const auto layers = static_cast<size_t>(stores.manifest.layers);
  const auto rows = for_each_query(stores, layers, threads, [&](const JudgedScores& query, auto out) {
    const auto values = calibrated_scores(query.scores, options.calibration, options.token_filter);
    const size_t count = query.query.candidates.size();
    const size_t of_layer = static_cast<size_t>(stores.manifest.heads) * count;
    for (size_t layer = 0; layer < out.size(); ++layer) {
      std::vector<double> sums(count, 0.0);
      for (size_t i = 0; i < of_layer; ++i) sums[i % count] += values[layer * of_layer + i];
      out[layer] = query.gains.ndcg10(sums);
    }
  });
  return mean_row(stores, rows, layers);
}

LayerWindow window_around_peak(std::span<const double> by_layer, int width) {
  const int layers = static_cast<int>(by_layer.size());
  LayerWindow window;
  window.peak = static_cast<int>(std::max_element(by_layer.begin(), by_layer.end()) - by_layer.begin());
  const int fitting = std::clamp(width, 1, layers);
  window.first = std::clamp(window.peak - (fitting - 1) / 2, 0, layers - fitting);
  window.last = window.first + fitting - 1;
  return window;
}

double sum_ndcg(const JudgedStores& stores, const HeadSum& sum, const SelectionOptions& options,
                ThreadPool& threads) {
  const std::vector<int> places = places_of(stores.manifest, sum.heads);
  const auto values = for_each_query(stores, 1, threads, [&](const JudgedScores& query, auto out) {
    std::vector<double> sums =
        summed_scores(query.scores, places, sum.weights, {options.calibration, options.token_filter});
    if (sum.first_stage_weight != 0.0) {
      sums = fuse_weighted(sums, query.query.first_stage_scores, sum.first_stage_weight);
    }
    out[0] = query.gains.ndcg10(sums);
  });
  return mean_row(stores, values, 1).front();
}

double set_ndcg(const JudgedStores& stores, std::span<const HeadId> heads, const SelectionOptions& options,
                ThreadPool& threads) {
  return sum_ndcg(stores, {.heads = heads}, options, threads);
}

double first_stage_ndcg(const JudgedStores& stores) {
  double sum = 0.0;
  for (const JudgedScores& query : stores.queries) {
    sum += query.weight * query.gains.ndcg10(query.query.first_stage_scores);
  }
  return sum;
}

}  // namespace headwise
