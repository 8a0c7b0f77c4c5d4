// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/labels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <utility>

#include "base/check.h"
#include "heads/selection.h"

namespace headwise {
namespace {

// The pool's rows of some of a query's candidates.
PoolQuery take_candidates(const PoolQuery& query, const CandidateGains& gains, std::span<const int> kept,
                          int pool) {
  PoolQuery part;
  part.gains = &gains;
  part.sigma = query.sigma;
  const auto count = static_cast<size_t>(query.gains->candidates());
  part.values.reserve(static_cast<size_t>(pool) * kept.size());
  for (size_t head = 0; head < static_cast<size_t>(pool); ++head) {
    for (const int candidate : kept)
      part.values.push_back(query.values[head * count + static_cast<size_t>(candidate)]);
  }
  return part;
}

// About `share` of the candidates, at least one relevant.
std::vector<int> sample_candidates(const CandidateGains& gains, double share, std::mt19937_64& random) {
  std::vector<int> kept;
  const auto bound = static_cast<uint64_t>(share * 0x1p53);
  const auto draw = [&] { return (random() >> 11) < bound; };
  const int sure = gains.relevant_candidates()[random() % gains.relevant_candidates().size()];
  for (int candidate = 0; candidate < static_cast<int>(gains.candidates()); ++candidate) {
    if (draw() || candidate == sure) kept.push_back(candidate);
  }
  return kept;
}

// Queries of the stores that are one and the same: places in stores.queries.
std::vector<std::vector<size_t>> same_queries(const JudgedStores& stores) {
  std::map<std::pair<std::string, std::string>, size_t> found;
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < stores.queries.size(); ++i) {
    const StoredQuery& query = stores.queries[i].query;
    const auto [place, is_new] = found.emplace(std::pair(query.id, query.text), groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(i);
  }
  return groups;
}

// Heads found in at least half of the searches; the commonest alone when there is none.
std::vector<int> majority(const std::map<int, int>& votes, int searches, int most) {
  std::vector<std::pair<int, int>> order(votes.begin(), votes.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<int> members;
  for (const auto& [head, count] : order) {
    if (static_cast<int>(members.size()) == most) break;
    if (2 * count >= searches || members.empty()) members.push_back(head);
  }
  std::sort(members.begin(), members.end());
  return members;
}

}  // namespace

std::vector<int> label_of_query(const PoolQuery& query, int pool, int most, ThreadPool& threads) {
  PoolQuery alone = query;
  alone.weight = 1.0;
  const std::span<const PoolQuery> one(&alone, 1);
  FoundSet found = forward_swap(one, pool, most, threads, Neighbourhood::kWide);
  // All alike: no set ranks better than any single head.
  bool tie = true;
  for (int head = 0; tie && head < pool; ++head) {
    tie = std::abs(set_key(one, std::span(&head, 1)).ndcg - found.key.ndcg) <= SetKey::kTie;
  }
  if (tie) return {};
  std::sort(found.members.begin(), found.members.end());
  return found.members;
}

Result<RoutingLabels> make_labels(const JudgedStores& stores, const LabelOptions& options,
                                  ThreadPool& threads) {
  const std::string budget = budget_of(stores.manifest);
  if (!budget.empty()) {
    return fail(ErrorCode::kUsage, "the stores were read with --keep-budget " + budget +
                                       ", which a router does not name; make them again without it");
  }
  RoutingLabels labels;
  labels.manifest = stores.manifest;
  labels.data = stores.data;
  labels.most = options.most;
  labels.votes = options.votes;
  labels.unjudged = stores.unjudged;
  labels.without_relevant = stores.without_relevant;

  SelectionOptions by_ndcg;
  by_ndcg.calibration = options.read_out.calibration;
  by_ndcg.token_filter = options.read_out.token_filter;
  by_ndcg.count = std::min(options.pool, stores.heads());
  by_ndcg.qr_by_ndcg = true;
  const auto pool = select_heads(stores, *find_selection_method("qr"), by_ndcg, threads);
  HW_RETURN_IF_ERROR(pool);
  labels.pool = pool->heads;
  const std::vector<int> places = places_of(stores.manifest, labels.pool);
  const int pool_size = static_cast<int>(places.size());

  const auto groups = same_queries(stores);
  std::vector<QueryLabel> found(groups.size());
  threads.parallel_for(static_cast<int64_t>(groups.size()), [&](int64_t g, int) {
    ThreadPool alone(1);  // no thread of its own: the queries are what runs side by side
    const std::vector<size_t>& group = groups[static_cast<size_t>(g)];
    const JudgedScores& first = stores.queries[group.front()];
    std::map<int, int> votes;
    int searches = 0;
    const auto vote = [&](const PoolQuery& query) {
      const std::vector<int> members = label_of_query(query, pool_size, options.most, alone);
      searches += members.empty() ? 0 : 1;
      for (const int head : members) ++votes[head];
    };
    std::mt19937_64 random(options.seed * 0x9E3779B97F4A7C15ULL + static_cast<uint64_t>(g));
    for (const size_t place : group) {
      const JudgedScores& copy = stores.queries[place];
      const auto values =
          calibrated_scores(copy.scores, options.read_out.calibration, options.read_out.token_filter);
      const PoolQuery query = make_pool_query(values, copy.gains, places);
      if (options.votes <= 1) vote(query);
      for (int i = 0; options.votes > 1 && i < options.votes; ++i) {
        const std::vector<int> kept = sample_candidates(copy.gains, options.sample, random);
        const CandidateGains gains = copy.gains.subset(kept);
        vote(take_candidates(query, gains, kept, pool_size));
      }
    }
    QueryLabel& label = found[static_cast<size_t>(g)];
    label = {first.query.id, first.query.text, first.store, {}, 0.0};
    if (searches == 0) return;
    label.members = majority(votes, searches, options.most);
    std::vector<int> heads;
    for (const int member : label.members) heads.push_back(places[static_cast<size_t>(member)]);
    label.ndcg = first.gains.ndcg10(summed_scores(first.scores, heads, {}, options.read_out));
  });
  for (QueryLabel& label : found) {
    if (label.members.empty()) {
      ++labels.ties;
    } else {
      labels.queries.push_back(std::move(label));
    }
  }
  if (labels.queries.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "no query is left to learn from: " + std::to_string(labels.unjudged) +
                    " have no judgements, " + std::to_string(labels.without_relevant) +
                    " no relevant candidate, and for " + std::to_string(labels.ties) +
                    " every head set ranks alike");
  }
  return labels;
}

}  // namespace headwise
