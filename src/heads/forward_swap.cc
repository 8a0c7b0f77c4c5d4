// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/forward_swap.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace headwise {
namespace {

// The key of one query's summed scores; its second part only where nDCG@10 is not below `floor`.
SetKey query_key(const PoolQuery& query, std::span<const double> sums, size_t members, double floor = -1.0) {
  SetKey key;
  key.ndcg = query.gains->ndcg10(sums);
  if (key.ndcg < floor) return key;
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

// At most two heads out and two in; -1: none.
struct Change {
  std::array<int, 2> removed{-1, -1};
  std::array<int, 2> added{-1, -1};
  static int count(const std::array<int, 2>& heads) {
    return (heads[0] >= 0 ? 1 : 0) + (heads[1] >= 0 ? 1 : 0);
  }
};

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

  // The keys of the current set after each of the changes. Of one query, where nDCG@10 decides first, a key
  // that cannot be better than `least` may lack its second part.
  std::vector<SetKey> keys(std::span<const Change> changes, const SetKey& least) {
    const double floor = queries_.size() == 1 ? least.ndcg - SetKey::kTie : -1.0;
    std::vector<SetKey> found(changes.size());
    threads_.parallel_for(static_cast<int64_t>(changes.size()), [&](int64_t i, int worker) {
      const Change& change = changes[static_cast<size_t>(i)];
      const auto size = static_cast<size_t>(static_cast<int>(members_.size()) + Change::count(change.added) -
                                            Change::count(change.removed));
      SetKey sum;
      for (size_t q = 0; q < queries_.size(); ++q) {
        const PoolQuery& query = queries_[q];
        const auto count = static_cast<size_t>(query.gains->candidates());
        const std::span<double> trial(trial_[static_cast<size_t>(worker)].data(), count);
        std::copy_n(sums_.data() + offsets_[q], count, trial.data());
        for (const int head : change.added) add_row(query, head, 1.0, trial);
        for (const int head : change.removed) add_row(query, head, -1.0, trial);
        const SetKey key = query_key(query, trial, size, floor);
        sum.ndcg += query.weight * key.ndcg;
        sum.log_likelihood += query.weight * key.log_likelihood;
      }
      found[static_cast<size_t>(i)] = sum;
    });
    return found;
  }

  void reset(const std::vector<int>& members) {
    members_ = members;
    std::fill(in_set_.begin(), in_set_.end(), false);
    for (const int head : members_) in_set_[static_cast<size_t>(head)] = true;
    recompute();
  }

  // A head put in takes the place of the one taken out.
  void apply(const Change& change) {
    std::vector<int> members = members_;
    for (size_t i = 0; i < 2; ++i) {
      const auto out = std::find(members.begin(), members.end(), change.removed[i]);
      if (change.removed[i] >= 0 && change.added[i] >= 0) {
        *out = change.added[i];
      } else if (change.removed[i] >= 0) {
        members.erase(out);
      } else if (change.added[i] >= 0) {
        members.push_back(change.added[i]);
      }
    }
    reset(members);
  }

  std::vector<int> outside() const {
    std::vector<int> heads;
    for (int head = 0; head < pool_; ++head) {
      if (!contains(head)) heads.push_back(head);
    }
    return heads;
  }

 private:
  static void add_row(const PoolQuery& query, int head, double sign, std::span<double> sums) {
    if (head < 0) return;
    const double* row = query.values.data() + static_cast<size_t>(head) * sums.size();
    for (size_t d = 0; d < sums.size(); ++d) sums[d] += sign * row[d];
  }

  // From scratch, so that nothing of a removed head is left in the last bits.
  void recompute() {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (size_t q = 0; q < queries_.size(); ++q) {
      const auto count = static_cast<size_t>(queries_[q].gains->candidates());
      for (const int head : members_)
        add_row(queries_[q], head, 1.0, std::span(sums_).subspan(offsets_[q], count));
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

// The first of the best.
size_t best_of(std::span<const SetKey> keys) {
  size_t best = 0;
  for (size_t i = 1; i < keys.size(); ++i) {
    if (keys[i].better_than(keys[best])) best = i;
  }
  return best;
}

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

namespace {

std::vector<Change> additions(const Search& search) {
  std::vector<Change> changes;
  for (const int head : search.outside()) changes.push_back({{-1, -1}, {head, -1}});
  return changes;
}

// No head, each head, each two heads.
std::vector<std::array<int, 2>> up_to_two(const std::vector<int>& heads) {
  std::vector<std::array<int, 2>> found{{-1, -1}};
  for (size_t i = 0; i < heads.size(); ++i) {
    found.push_back({heads[i], -1});
    for (size_t j = i + 1; j < heads.size(); ++j) found.push_back({heads[i], heads[j]});
  }
  return found;
}

// Every change of at most two heads that leaves 1 to `most`; two for two, most of them all, in small sets
// alone.
std::vector<Change> wide_changes(const Search& search, int most) {
  constexpr int kSmallSet = 4;
  std::vector<Change> changes;
  const auto size = static_cast<int>(search.members().size());
  const auto added = up_to_two(search.outside());
  for (const auto& out : up_to_two(search.members())) {
    for (const auto& in : added) {
      const int left = size - Change::count(out) + Change::count(in);
      if (left < 1 || left > most || (in[0] < 0 && out[0] < 0)) continue;
      const bool two_for_two = Change::count(out) == 2 && Change::count(in) == 2;
      if (!two_for_two || size <= kSmallSet) changes.push_back({out, in});
    }
  }
  return changes;
}

// First-improvement swaps until a whole round brings none.
void swap_until_none_helps(Search& search, SetKey& key) {
  for (bool improved = true; improved;) {
    improved = false;
    const std::vector<int> members = search.members();
    for (const int member : members) {
      std::vector<Change> changes;
      for (const int head : search.outside()) changes.push_back({{member, -1}, {head, -1}});
      const std::vector<SetKey> keys = search.keys(changes, key);
      const auto better = std::find_if(keys.begin(), keys.end(),
                                       [&](const SetKey& swapped) { return swapped.better_than(key); });
      if (better == keys.end()) continue;
      key = *better;
      search.apply(changes[static_cast<size_t>(better - keys.begin())]);
      improved = true;
    }
  }
}

// Makes the best of the changes when it helps.
bool improve(Search& search, std::span<const Change> changes, SetKey& key) {
  if (changes.empty()) return false;
  const std::vector<SetKey> keys = search.keys(changes, key);
  const size_t best = best_of(keys);
  if (!keys[best].better_than(key)) return false;
  search.apply(changes[best]);
  key = keys[best];
  return true;
}

}  // namespace

FoundSet forward_swap(std::span<const PoolQuery> queries, int pool, int most, ThreadPool& threads,
                      Neighbourhood neighbourhood) {
  Search search(queries, pool, threads);
  FoundSet found;
  found.key.ndcg = -1.0;  // the first head always helps
  // Every step raises the key, so this ends.
  for (bool improved = true; improved;) {
    improved =
        static_cast<int>(search.members().size()) < most && improve(search, additions(search), found.key);
    if (!improved && neighbourhood == Neighbourhood::kWide && !search.members().empty()) {
      improved = improve(search, wide_changes(search, most), found.key);
    }
    if (improved) swap_until_none_helps(search, found.key);
  }
  found.members = search.members();
  return found;
}

}  // namespace headwise
