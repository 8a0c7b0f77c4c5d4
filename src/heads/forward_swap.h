// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the search for a small set of heads that ranks best: greedy additions, each followed by
// first-improvement swaps (docs/method.md#head-selection). For one query it gives a routing label, for many
// the `static` set.
//
// The key of a set A over queries: (weighted) mean nDCG@10 of S_A = sum of its heads' scores, then the mean
// log-softmax of the relevant passages under S_A / (|A| sigma), sigma the deviation of all pool scores of
// that query. Compared in this order; the second decides only among sets of equal nDCG@10.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/threads.h"
#include "heads/judged_scores.h"

namespace headwise {

// One query seen by a pool of heads. values[head * candidates + candidate], calibrated.
struct PoolQuery {
  std::vector<double> values;
  const CandidateGains* gains = nullptr;
  double sigma = 1.0;
  double weight = 1.0;  // in the mean over queries; all weights together are 1
};

PoolQuery make_pool_query(std::span<const double> calibrated, const CandidateGains& gains,
                          std::span<const int> pool);

struct SetKey {
  double ndcg = 0.0;
  double log_likelihood = 0.0;
  // Sums over queries differ in the last bits with the order of additions: less than this is a tie.
  static constexpr double kTie = 1e-12;
  bool better_than(const SetKey& other) const {
    if (ndcg > other.ndcg + kTie) return true;
    return ndcg > other.ndcg - kTie && log_likelihood > other.log_likelihood + kTie;
  }
};

struct FoundSet {
  std::vector<int> members;  // places in the pool, in order of addition
  SetKey key;
};

// The key of a set from scratch.
SetKey set_key(std::span<const PoolQuery> queries, std::span<const int> members);

// kPlain: additions and swaps of one head; the search ends where none helps, which need not be the best set.
// kWide: there it goes on with changes of two heads at once, hundreds of times as many: for single queries.
enum class Neighbourhood { kPlain, kWide };

// At most `most` heads of a pool of `pool` heads. Same result at any number of threads.
FoundSet forward_swap(std::span<const PoolQuery> queries, int pool, int most, ThreadPool& threads,
                      Neighbourhood neighbourhood = Neighbourhood::kPlain);

}  // namespace headwise
