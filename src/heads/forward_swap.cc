// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/forward_swap.h"

#include <algorithm>
#include <cmath>

namespace headwise {
namespace {

// The key of one query's summed scores.
SetKey query_key(const PoolQuery& query, std::span<const double> sums, size_t members) {
  SetKey key;
  key.ndcg = query.gains->ndcg10(sums);
  const double scale = 1.0 / (static_cast<double>(std::max<size_t>(members, 1)) * query.sigma);
  const double highest = *std::max_element(sums.begin(), sums.end());
  double total = 0.0;
  for (const double sum : sums) total += std::exp((sum - highest) * scale);
  const double log_total = std::log(total);
  double likelihood = 0.0;
  for (const int candidate : query.gains->relevant_candidates()) {
    likelihood += (sums[static_cast<size_t>(candidate)] - highest) * scale - log_total;
  }
  key.log_likelihood = likelihood / static_cast<double>(query.gains->relevant_candidates().size());
  return key;
}

// The state of a search: the sums of the current set, per query, and the change of one head tried on them.
class Search {
 public:
  Search(std::span<const PoolQuery> queries, int pool, ThreadPool& threads)
      : queries_(queries), pool_(pool), threads_(threads), in_set_(static_cast<size_t>(pool), false) {
    for (const PoolQuery& query : queries_) {
      offsets_.push_back(static_cast<size_t>(total_));
      total_ += query.gains->candidates();
      longest_ = std::max(longest_, static_cast<size_t>(query.gains->candidates()));
    }
    sums_.assign(static_cast<size_t>(total_), 0.0);
    trial_.assign(static_cast<size_t>(threads.size()), std::vector<double>(longest_));
  }

  bool contains(int head) const { return in_set_[static_cast<size_t>(head)]; }
  const std::vector<int>& members() const { return members_; }

  // The keys of the current set without `removed` (-1: none) and with each head of `added`.
  std::vector<SetKey> keys(int removed, std::span<const int> added) {
    std::vector<SetKey> found(added.size());
    const size_t size = members_.size() + 1 - (removed >= 0 ? 1 : 0);
    threads_.parallel_for(static_cast<int64_t>(added.size()), [&](int64_t i, int worker) {
      SetKey sum;
      for (size_t q = 0; q < queries_.size(); ++q) {
        const PoolQuery& query = queries_[q];
        const auto count = static_cast<size_t>(query.gains->candidates());
        const double* current = sums_.data() + offsets_[q];
        const double* plus = query.values.data() + static_cast<size_t>(added[static_cast<size_t>(i)]) * count;
        const double* minus =
            removed < 0 ? nullptr : query.values.data() + static_cast<size_t>(removed) * count;
        const std::span<double> trial(trial_[static_cast<size_t>(worker)].data(), count);
        for (size_t d = 0; d < count; ++d)
          trial[d] = current[d] - (minus == nullptr ? 0.0 : minus[d]) + plus[d];
        const SetKey key = query_key(query, trial, size);
        sum.ndcg += query.weight * key.ndcg;
        sum.log_likelihood += query.weight * key.log_likelihood;
      }
      found[static_cast<size_t>(i)] = sum;
    });
    return found;
  }

  void add(int head) {
    members_.push_back(head);
    in_set_[static_cast<size_t>(head)] = true;
    recompute();
  }

  void swap(size_t place, int head) {
    in_set_[static_cast<size_t>(members_[place])] = false;
    members_[place] = head;
    in_set_[static_cast<size_t>(head)] = true;
    recompute();
  }

  std::vector<int> outside() const {
    std::vector<int> heads;
    for (int head = 0; head < pool_; ++head) {
      if (!contains(head)) heads.push_back(head);
    }
    return heads;
  }

 private:
  // From scratch, so that nothing of a removed head is left in the last bits.
  void recompute() {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (size_t q = 0; q < queries_.size(); ++q) {
      const auto count = static_cast<size_t>(queries_[q].gains->candidates());
      for (const int head : members_) {
        const double* row = queries_[q].values.data() + static_cast<size_t>(head) * count;
        for (size_t d = 0; d < count; ++d) sums_[offsets_[q] + d] += row[d];
      }
    }
  }

  std::span<const PoolQuery> queries_;
  int pool_;
  ThreadPool& threads_;
  std::vector<bool> in_set_;
  std::vector<int> members_;
  std::vector<size_t> offsets_;
  int64_t total_ = 0;
  size_t longest_ = 0;
  std::vector<double> sums_;
  std::vector<std::vector<double>> trial_;  // one a worker
};

}  // namespace

PoolQuery make_pool_query(std::span<const double> calibrated, const CandidateGains& gains,
                          std::span<const int> pool) {
  PoolQuery query;
  query.gains = &gains;
  const auto count = static_cast<size_t>(gains.candidates());
  query.values.reserve(pool.size() * count);
  for (const int head : pool) {
    const auto row = calibrated.subspan(static_cast<size_t>(head) * count, count);
    query.values.insert(query.values.end(), row.begin(), row.end());
  }
  double mean = 0.0, squares = 0.0;
  for (const double value : query.values) mean += value;
  mean /= static_cast<double>(query.values.size());
  for (const double value : query.values) squares += (value - mean) * (value - mean);
  const double sigma = std::sqrt(squares / static_cast<double>(query.values.size()));
  query.sigma = sigma > 0.0 ? sigma : 1.0;
  return query;
}

SetKey set_key(std::span<const PoolQuery> queries, std::span<const int> members) {
  SetKey sum;
  for (const PoolQuery& query : queries) {
    const auto count = static_cast<size_t>(query.gains->candidates());
    std::vector<double> scores(count, 0.0);
    for (const int head : members) {
      for (size_t d = 0; d < count; ++d) scores[d] += query.values[static_cast<size_t>(head) * count + d];
    }
    const SetKey key = query_key(query, scores, members.size());
    sum.ndcg += query.weight * key.ndcg;
    sum.log_likelihood += query.weight * key.log_likelihood;
  }
  return sum;
}

FoundSet forward_swap(std::span<const PoolQuery> queries, int pool, int most, ThreadPool& threads) {
  Search search(queries, pool, threads);
  FoundSet found;
  bool empty = true;
  while (static_cast<int>(search.members().size()) < most) {
    const std::vector<int> outside = search.outside();
    if (outside.empty()) break;
    const std::vector<SetKey> keys = search.keys(-1, outside);
    size_t best = 0;
    for (size_t i = 1; i < keys.size(); ++i) {
      if (keys[i].better_than(keys[best])) best = i;
    }
    if (!empty && !keys[best].better_than(found.key)) break;
    empty = false;
    search.add(outside[best]);
    found.key = keys[best];
    // First-improvement swaps until a whole round brings none. Every swap raises the key, so this ends.
    for (bool improved = search.members().size() > 1; improved;) {
      improved = false;
      for (size_t place = 0; place < search.members().size(); ++place) {
        const std::vector<int> others = search.outside();
        const std::vector<SetKey> swapped = search.keys(search.members()[place], others);
        const auto better = std::find_if(swapped.begin(), swapped.end(),
                                         [&](const SetKey& key) { return key.better_than(found.key); });
        if (better == swapped.end()) continue;
        found.key = *better;
        search.swap(place, others[static_cast<size_t>(better - swapped.begin())]);
        improved = true;
      }
    }
  }
  found.members = search.members();
  return found;
}

}  // namespace headwise
