// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/head_map.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

// Mean over the given queries of by_query[query, heads].
std::vector<double> mean_of(std::span<const double> by_query, size_t heads, std::span<const size_t> queries) {
  std::vector<double> mean(heads, 0.0);
  for (const size_t query : queries) {
    for (size_t h = 0; h < heads; ++h) mean[h] += by_query[query * heads + h];
  }
  for (double& value : mean) value /= static_cast<double>(queries.size());
  return mean;
}

std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + end - 1) / 2.0;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

// Vigna's splitmix64 finaliser: a number that looks drawn, the same on every machine.
uint64_t splitmix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

struct Reading {
  std::string name;
  std::vector<size_t> queries;
};

HeadAgreement agreement(std::span<const double> by_query, size_t heads, const Reading& first,
                        const Reading& second, int top) {
  const std::vector<double> a = mean_of(by_query, heads, first.queries);
  const std::vector<double> b = mean_of(by_query, heads, second.queries);
  HeadAgreement found{first.name, second.name, first.queries.size(), second.queries.size(), spearman(a, b),
                      0};
  std::vector<int> best_a = best_of(a, top), best_b = best_of(b, top), both;
  std::sort(best_a.begin(), best_a.end());
  std::sort(best_b.begin(), best_b.end());
  std::set_intersection(best_a.begin(), best_a.end(), best_b.begin(), best_b.end(), std::back_inserter(both));
  found.shared = static_cast<int>(both.size());
  return found;
}

// Pairs of stores on the queries that both have: same id, same text.
std::vector<HeadAgreement> between_stores(const JudgedStores& stores, std::span<const double> by_query,
                                          std::span<const std::string> names, int top) {
  std::vector<std::map<std::pair<std::string, std::string>, size_t>> of_store(names.size());
  for (size_t q = 0; q < stores.queries.size(); ++q) {
    const JudgedScores& query = stores.queries[q];
    of_store[query.store].emplace(std::pair(query.query.id, query.query.text), q);
  }
  std::vector<HeadAgreement> pairs;
  for (size_t a = 0; a < names.size(); ++a) {
    for (size_t b = a + 1; b < names.size(); ++b) {
      Reading first{names[a], {}}, second{names[b], {}};
      for (const auto& [key, place] : of_store[a]) {
        const auto found = of_store[b].find(key);
        if (found == of_store[b].end()) continue;
        first.queries.push_back(place);
        second.queries.push_back(found->second);
      }
      if (first.queries.empty()) continue;
      pairs.push_back(agreement(by_query, static_cast<size_t>(stores.heads()), first, second, top));
    }
  }
  return pairs;
}

}  // namespace

HeadMap head_map(const JudgedStores& stores, std::span<const double> by_query,
                 const SelectionOptions& options, ThreadPool& threads) {
  HeadMap map;
  map.layers = stores.manifest.layers;
  map.heads = stores.manifest.heads;
  const auto count = static_cast<size_t>(stores.heads());
  HW_CHECK(by_query.size() == stores.queries.size() * count);
  std::vector<size_t> queries(stores.queries.size());
  std::iota(queries.begin(), queries.end(), size_t{0});
  map.single = mean_of(by_query, count, queries);
  map.layer_sum = layer_ndcg(stores, options, threads);
  std::vector<HeadId> every;
  for (int layer = 0; layer < map.layers; ++layer) {
    double sum = 0.0;
    for (int head = 0; head < map.heads; ++head) {
      sum += map.at(layer, head);
      every.push_back({layer, head});
    }
    map.layer_mean.push_back(sum / map.heads);
  }
  map.window = window_around_peak(map.layer_sum, options.window);
  map.all_heads = set_ndcg(stores, every, options, threads);
  map.first_stage = first_stage_ndcg(stores);
  return map;
}

std::vector<int> best_of(std::span<const double> values, int count) {
  std::vector<int> places(values.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](int a, int b) {
    return values[static_cast<size_t>(a)] > values[static_cast<size_t>(b)];
  });
  places.resize(std::min(places.size(), static_cast<size_t>(std::max(count, 0))));
  return places;
}

std::optional<double> spearman(std::span<const double> a, std::span<const double> b) {
  HW_CHECK(a.size() == b.size());
  const std::vector<double> ranks_a = ranks_of(a), ranks_b = ranks_of(b);
  const double middle = (static_cast<double>(a.size()) - 1.0) / 2.0;
  double product = 0.0, square_a = 0.0, square_b = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += (ranks_a[i] - middle) * (ranks_b[i] - middle);
    square_a += (ranks_a[i] - middle) * (ranks_a[i] - middle);
    square_b += (ranks_b[i] - middle) * (ranks_b[i] - middle);
  }
  if (square_a <= 0.0 || square_b <= 0.0) return std::nullopt;
  return product / std::sqrt(square_a * square_b);
}

AgreementSummary summarise(const Stability& stability) {
  AgreementSummary summary;
  double sum = 0.0, count = 0.0;
  for (const HeadAgreement& pair : stability.pairs) {
    summary.shared_mean += static_cast<double>(pair.shared) / static_cast<double>(stability.pairs.size());
    if (!pair.spearman) continue;
    sum += *pair.spearman;
    count += 1.0;
    summary.spearman_low = std::min(summary.spearman_low.value_or(*pair.spearman), *pair.spearman);
    summary.spearman_high = std::max(summary.spearman_high.value_or(*pair.spearman), *pair.spearman);
  }
  if (count > 0.0) summary.spearman_mean = sum / count;
  return summary;
}

Stability head_stability(const JudgedStores& stores, std::span<const double> by_query,
                         std::span<const std::string> names, const StabilityOptions& options) {
  Stability stability;
  stability.top = std::min(options.top, stores.heads());
  stability.pairs = between_stores(stores, by_query, names, stability.top);
  if (!stability.pairs.empty()) {
    stability.kind = Stability::Kind::kStores;
    return stability;
  }
  const size_t count = stores.queries.size();
  if (count < 2) return stability;
  stability.kind = Stability::Kind::kHalves;
  for (size_t split = 0; split < static_cast<size_t>(std::max(options.splits, 0)); ++split) {
    std::vector<std::pair<uint64_t, size_t>> drawn;
    for (size_t q = 0; q < count; ++q) {
      const uint64_t step = 0x9E3779B97F4A7C15u * (split * count + q + 1);
      drawn.emplace_back(splitmix64(options.seed + step), q);
    }
    std::sort(drawn.begin(), drawn.end());
    Reading first, second;
    for (size_t i = 0; i < count; ++i) {
      (i < count / 2 ? first : second).queries.push_back(drawn[i].second);
    }
    stability.pairs.push_back(
        agreement(by_query, static_cast<size_t>(stores.heads()), first, second, stability.top));
  }
  return stability;
}

}  // namespace headwise
