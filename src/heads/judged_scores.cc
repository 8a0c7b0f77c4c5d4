// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/judged_scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "rerank/option_words.h"
#include "rerank/scoring.h"

namespace headwise {
namespace {

constexpr size_t kCut = 10;

double discount(size_t place) { return 1.0 / std::log2(static_cast<double>(place + 2)); }

const std::array<double, kCut>& discounts() {
  static const std::array<double, kCut> table = [] {
    std::array<double, kCut> made{};
    for (size_t i = 0; i < kCut; ++i) made[i] = discount(i);
    return made;
  }();
  return table;
}

// use(candidate, value) for the calibrated scores of one head.
template <typename Use>
void calibrate_head(const StoredScores& scores, int head, const ReadOut& read_out, const Use& use) {
  const auto candidates = static_cast<size_t>(scores.candidates);
  const auto all = static_cast<size_t>(scores.layers) * static_cast<size_t>(scores.heads) * candidates;
  HW_CHECK(scores.values.size() == 3 * all);
  const float* query = scores.values.data() + static_cast<size_t>(head) * candidates;
  const float* content_free = query + all;
  const float* filtered = content_free + all;
  for (size_t d = 0; d < candidates; ++d) {
    switch (read_out.calibration) {
      case Calibration::kNone:
        use(d, query[d]);
        break;
      case Calibration::kNa:
        use(d, read_out.token_filter == TokenFilter::kNone ? static_cast<double>(query[d]) - content_free[d]
                                                           : static_cast<double>(filtered[d]));
        break;
      case Calibration::kRatio:
        use(d, log_ratio(query[d], content_free[d]));
        break;
    }
  }
}

}  // namespace

CandidateGains::CandidateGains(const StoredQuery& query, const JudgedQuery& judged) {
  std::unordered_map<std::string_view, int> by_id;
  std::vector<int> ideal;
  for (const Judgement& judgement : judged.judgements) {
    by_id.emplace(judgement.id, judgement.grade);
    if (judgement.grade > 0) ideal.push_back(judgement.grade);
  }
  std::sort(ideal.begin(), ideal.end(), std::greater<>());
  for (size_t i = 0; i < std::min(ideal.size(), kCut); ++i) ideal_ += ideal[i] * discounts()[i];
  for (const std::string& id : query.candidates) {
    const auto found = by_id.find(id);
    const int grade = found == by_id.end() ? 0 : std::max(found->second, 0);
    if (grade > 0) relevant_.push_back(static_cast<int>(grades_.size()));
    grades_.push_back(grade);
  }
  std::vector<int> order(grades_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return query.candidates[static_cast<size_t>(a)] > query.candidates[static_cast<size_t>(b)];
  });
  tie_rank_.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) tie_rank_[static_cast<size_t>(order[i])] = static_cast<int>(i);
}

CandidateGains CandidateGains::subset(std::span<const int> kept) const {
  CandidateGains part;
  part.ideal_ = ideal_;
  for (const int candidate : kept) {
    const auto place = static_cast<size_t>(candidate);
    if (grades_[place] > 0) part.relevant_.push_back(static_cast<int>(part.grades_.size()));
    part.grades_.push_back(grades_[place]);
    part.tie_rank_.push_back(tie_rank_[place]);
  }
  return part;
}

double CandidateGains::ndcg10(std::span<const double> scores) const {
  if (ideal_ <= 0.0) return 0.0;
  // Only relevant candidates add to the sum: the rank of each is how many stand before it.
  double sum = 0.0;
  for (const int candidate : relevant_) {
    const auto place = static_cast<size_t>(candidate);
    const double own = scores[place];
    size_t before = 0, alike = 0;
    for (const double other : scores) {  // without a branch: compilers vectorise it
      before += other > own ? 1u : 0u;
      alike += other == own ? 1u : 0u;
    }
    if (alike > 1) {
      for (size_t other = 0; other < scores.size(); ++other) {
        before += scores[other] == own && tie_rank_[other] < tie_rank_[place] ? 1u : 0u;
      }
    }
    if (before < kCut) sum += grades_[place] * discounts()[before];
  }
  return sum / ideal_;
}

ReadOut read_out_of(std::string_view calibration, std::string_view token_filter) {
  return {meaning_of(kCalibrationWords, calibration).value_or(Calibration::kRatio),
          meaning_of(kTokenFilterWords, token_filter).value_or(TokenFilter::kLow)};
}

std::vector<double> calibrated_scores(const StoredScores& scores, Calibration calibration,
                                      TokenFilter token_filter) {
  const auto heads = static_cast<size_t>(scores.layers) * static_cast<size_t>(scores.heads);
  const auto candidates = static_cast<size_t>(scores.candidates);
  std::vector<double> out(heads * candidates);
  for (size_t head = 0; head < heads; ++head) {
    calibrate_head(scores, static_cast<int>(head), {calibration, token_filter},
                   [&](size_t candidate, double value) { out[head * candidates + candidate] = value; });
  }
  return out;
}

std::vector<double> summed_scores(const StoredScores& scores, std::span<const int> places,
                                  std::span<const double> weights, const ReadOut& read_out) {
  std::vector<double> sums(static_cast<size_t>(scores.candidates), 0.0);
  for (size_t i = 0; i < places.size(); ++i) {
    const double weight = weights.empty() ? 1.0 : weights[i];
    calibrate_head(scores, places[i], read_out,
                   [&](size_t candidate, double value) { sums[candidate] += weight * value; });
  }
  return sums;
}

std::vector<int> places_of(const StoreManifest& manifest, std::span<const HeadId> heads) {
  std::vector<int> places;
  for (const HeadId id : heads) places.push_back(id.layer * manifest.heads + id.head);
  return places;
}

std::vector<double> balanced_weights(std::span<const size_t> stores, Balance balance) {
  std::map<size_t, size_t> counts;
  for (const size_t store : stores) ++counts[store];
  std::vector<double> weights;
  for (const size_t store : stores) {
    const size_t share = balance == Balance::kStores ? counts.size() * counts[store] : stores.size();
    weights.push_back(1.0 / static_cast<double>(share));
  }
  return weights;
}

void balance_weights(std::vector<JudgedScores>& queries, Balance balance) {
  std::vector<size_t> stores;
  for (const JudgedScores& query : queries) stores.push_back(query.store);
  const std::vector<double> weights = balanced_weights(stores, balance);
  for (size_t i = 0; i < queries.size(); ++i) queries[i].weight = weights[i];
}

Result<JudgedStores> load_judged_stores(std::span<const std::filesystem::path> stores,
                                        std::span<const std::filesystem::path> qrels, Balance balance) {
  if (stores.empty()) return fail(ErrorCode::kUsage, "no head-score store was given");
  if (qrels.size() != 1 && qrels.size() != stores.size()) {
    return fail(ErrorCode::kUsage, "expected one file of judgements for all stores, or one for each: found " +
                                       std::to_string(qrels.size()) + " for " +
                                       std::to_string(stores.size()) + " stores");
  }
  std::vector<Qrels> judgements;
  for (const std::filesystem::path& path : qrels) {
    auto read = read_qrels(path);
    HW_RETURN_IF_ERROR(read);
    judgements.push_back(std::move(*read));
  }
  JudgedStores all;
  // Each is compared with all before it: an old one, which names less, agrees with stores that do not agree.
  std::vector<ScoreStore> before;
  for (size_t s = 0; s < stores.size(); ++s) {
    auto store = ScoreStore::open(stores[s]);
    HW_RETURN_IF_ERROR(store);
    for (const ScoreStore& other : before) HW_RETURN_IF_ERROR(check_same_settings(other, *store));
    if (before.empty()) all.manifest = store->manifest();
    std::unordered_map<std::string_view, const JudgedQuery*> by_id;
    for (const JudgedQuery& judged : judgements[qrels.size() == 1 ? 0 : s].queries)
      by_id[judged.id] = &judged;
    size_t used = 0;
    for (size_t i = 0; i < store->queries().size(); ++i) {
      const StoredQuery& query = store->queries()[i];
      const auto judged = by_id.find(query.id);
      if (judged == by_id.end()) {
        ++all.unjudged;
        continue;
      }
      CandidateGains gains(query, *judged->second);
      if (gains.relevant_candidates().empty()) {
        ++all.without_relevant;
        continue;
      }
      auto scores = store->read(i);
      HW_RETURN_IF_ERROR(scores);
      all.queries.push_back({query, std::move(*scores), std::move(gains), s, 1.0});
      ++used;
    }
    all.data.push_back(store->manifest().dataset + " (" + std::to_string(used) + " queries)");
    before.push_back(std::move(*store));
  }
  balance_weights(all.queries, balance);
  if (all.queries.empty()) {
    return fail(ErrorCode::kInvalidInput,
                "no query is left: " + std::to_string(all.unjudged) + " have no judgements and " +
                    std::to_string(all.without_relevant) +
                    " have no relevant candidate; do the judgements belong to the stores' collection?");
  }
  return all;
}

}  // namespace headwise
