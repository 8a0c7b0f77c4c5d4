// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "heads/forward_swap.h"
#include "rerank/fusion.h"

namespace headwise {
namespace {

constexpr double kLogFloor = 1e-9;  // under a logarithm of a share of attention

// (Weighted) mean over queries of per_query(query, out), which adds one number to each head. Queries run in
// parallel, the sum in their order: the same bits at any number of threads.
using PerQuery = std::function<void(const JudgedScores& query, std::span<double> heads)>;
std::vector<double> mean_over_queries(const JudgedStores& stores, ThreadPool& threads,
                                      const PerQuery& per_query) {
  const auto heads = static_cast<size_t>(stores.heads());
  std::vector<double> rows(stores.queries.size() * heads, 0.0);
  threads.parallel_for(static_cast<int64_t>(stores.queries.size()), [&](int64_t q, int) {
    const auto query = static_cast<size_t>(q);
    per_query(stores.queries[query], std::span(rows).subspan(query * heads, heads));
  });
  std::vector<double> mean(heads, 0.0);
  for (size_t q = 0; q < stores.queries.size(); ++q) {
    for (size_t h = 0; h < heads; ++h) mean[h] += stores.queries[q].weight * rows[q * heads + h];
  }
  return mean;
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

std::vector<HeadId> heads_of_layer(const JudgedStores& stores, int layer) {
  std::vector<HeadId> heads;
  for (int head = 0; head < stores.manifest.heads; ++head) heads.push_back({layer, head});
  return heads;
}

// `window` layers around the best one: one layer more above the peak than below when the width is even.
Selection layer_window(const JudgedStores& stores, const SelectionOptions& options, int,
                       ThreadPool& threads) {
  const int deepest = deepest_allowed(stores, options);
  int peak = 0;
  double best = -1.0;
  for (int layer = 0; layer <= deepest; ++layer) {
    const double value = set_ndcg(stores, heads_of_layer(stores, layer), options, threads);
    if (value > best) {
      best = value;
      peak = layer;
    }
  }
  const int width = std::clamp(options.window, 1, deepest + 1);
  const int first = std::clamp(peak - (width - 1) / 2, 0, deepest + 1 - width);
  Selection found;
  for (int layer = first; layer < first + width; ++layer) {
    for (const HeadId id : heads_of_layer(stores, layer)) found.heads.push_back(id);
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

Selection random_heads(const JudgedStores& stores, const SelectionOptions& options, int count, ThreadPool&) {
  std::vector<int> places(
      static_cast<size_t>((deepest_allowed(stores, options) + 1) * stores.manifest.heads));
  std::iota(places.begin(), places.end(), 0);
  std::mt19937_64 random(options.seed);
  Selection found;
  for (size_t i = 0; i < places.size() && found.heads.size() < static_cast<size_t>(count); ++i) {
    const size_t other = i + static_cast<size_t>(random() % (places.size() - i));
    std::swap(places[i], places[other]);
    found.heads.push_back(stores.head(places[i]));
  }
  return found;
}

constexpr std::array<SelectionMethod, 7> kMethods{{
    {"all", "every head (ICR)", 0, nullptr, all_heads},
    {"layers", "a window of layers around the best one (Selective-ICR)", 0, nullptr, layer_window},
    {"qr", "calibrated attention to relevant passages (QRHead)", 16, qr_scores, nullptr},
    {"core", "softmax of the positive against negatives (CoRe)", 8, core_scores, nullptr},
    {"headrank", "grades told apart, less entropy (HeadRank)", 8, headrank_scores, nullptr},
    {"static", "forward + swap search on mean nDCG@10", 8, nullptr, static_set},
    {"random", "a seeded draw", 8, nullptr, random_heads},
}};

double mean_ndcg(const JudgedStores& stores, std::span<const HeadId> heads, double first_stage_weight,
                 const SelectionOptions& options, ThreadPool& threads) {
  const std::vector<int> places = places_of(stores.manifest, heads);
  std::vector<double> values(stores.queries.size());
  threads.parallel_for(static_cast<int64_t>(values.size()), [&](int64_t q, int) {
    const JudgedScores& query = stores.queries[static_cast<size_t>(q)];
    std::vector<double> sums =
        summed_scores(query.scores, places, {options.calibration, options.token_filter});
    if (first_stage_weight != 0.0) {
      sums = fuse_weighted(sums, query.query.first_stage_scores, first_stage_weight);
    }
    values[static_cast<size_t>(q)] = query.weight * query.gains.ndcg10(sums);
  });
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::span<const SelectionMethod> selection_methods() { return kMethods; }

const SelectionMethod* find_selection_method(std::string_view name) {
  const auto found = std::find_if(kMethods.begin(), kMethods.end(),
                                  [&](const SelectionMethod& method) { return method.name == name; });
  return found == kMethods.end() ? nullptr : &*found;
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
  found.ndcg = set_ndcg(stores, found.heads, options, threads);
  return found;
}

std::vector<double> single_head_ndcg(const JudgedStores& stores, const SelectionOptions& options,
                                     ThreadPool& threads) {
  return mean_over_queries(stores, threads, [&](const JudgedScores& query, std::span<double> out) {
    const auto values = calibrated_scores(query.scores, options.calibration, options.token_filter);
    const size_t count = query.query.candidates.size();
    for (size_t h = 0; h < out.size(); ++h) {
      out[h] = query.gains.ndcg10(std::span(values).subspan(h * count, count));
    }
  });
}

double set_ndcg(const JudgedStores& stores, std::span<const HeadId> heads, const SelectionOptions& options,
                ThreadPool& threads) {
  return mean_ndcg(stores, heads, 0.0, options, threads);
}

double fused_ndcg(const JudgedStores& stores, std::span<const HeadId> heads, double weight,
                  const SelectionOptions& options, ThreadPool& threads) {
  return mean_ndcg(stores, heads, weight, options, threads);
}

double first_stage_ndcg(const JudgedStores& stores) {
  double sum = 0.0;
  for (const JudgedScores& query : stores.queries) {
    sum += query.weight * query.gains.ndcg10(query.query.first_stage_scores);
  }
  return sum;
}

}  // namespace headwise
