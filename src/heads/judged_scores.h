// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a head-score store and the judgements of its queries, in memory, and nDCG@10 of any
// scores of one query's candidates without allocations: what every selection method works on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "headwise/qrels.h"
#include "headwise/score_store.h"

namespace headwise {

// The candidates' worth for one query, and nDCG@10 as trec_eval computes it (src/eval/measures.cc): gain =
// grade, ideal over all judged documents, ties of scores by id descending.
class CandidateGains {
 public:
  CandidateGains(const StoredQuery& query, const JudgedQuery& judged);
  // Of these candidates alone, in this order; the ideal stays that of all judged documents.
  CandidateGains subset(std::span<const int> kept) const;

  double ndcg10(std::span<const double> scores) const;
  int grade(int64_t candidate) const { return grades_[static_cast<size_t>(candidate)]; }
  bool relevant(int64_t candidate) const { return grade(candidate) > 0; }
  int64_t candidates() const { return static_cast<int64_t>(grades_.size()); }
  const std::vector<int>& relevant_candidates() const { return relevant_; }

 private:
  CandidateGains() = default;
  std::vector<int> grades_;
  std::vector<int> tie_rank_;  // lower comes first among equal scores
  std::vector<int> relevant_;  // candidates with a positive grade
  double ideal_ = 0.0;
};

struct JudgedScores {
  StoredQuery query;
  StoredScores scores;
  CandidateGains gains;
  size_t store = 0;     // which of the stores it came from
  double weight = 1.0;  // in means over queries; all weights together are 1
};

// What counts the same in a mean over several stores: each query, or each store (however many queries it
// has).
enum class Balance { kQueries, kStores };

// How stored scores are read.
struct ReadOut {
  Calibration calibration = Calibration::kRatio;
  TokenFilter token_filter = TokenFilter::kLow;  // with kNa
};

// As files and flags spell it (rerank/option_words.h); words that are not known give the defaults.
ReadOut read_out_of(std::string_view calibration, std::string_view token_filter);

// Per-head candidate scores [layers * heads, candidates] under a calibration: kNone channel 0, kNa channel 2,
// or channel 0 - 1 when `token_filter` is kNone, kRatio the log ratio of channels 0 and 1.
std::vector<double> calibrated_scores(const StoredScores& scores, Calibration calibration,
                                      TokenFilter token_filter);

// The same of the heads at these places (layer * heads a layer + head) alone, summed over them; weights:
// none, or one a head.
std::vector<double> summed_scores(const StoredScores& scores, std::span<const int> places,
                                  std::span<const double> weights, const ReadOut& read_out);
std::vector<int> places_of(const StoreManifest& manifest, std::span<const HeadId> heads);

struct JudgedStores {
  std::vector<JudgedScores> queries;  // those with a relevant candidate
  StoreManifest manifest;             // of the first store
  std::vector<std::string> data;      // "dl21 (53 queries)", one a store
  size_t unjudged = 0;                // queries without judgements, left out
  size_t without_relevant = 0;        // queries without a relevant candidate, left out
  int heads() const { return manifest.layers * manifest.heads; }
  HeadId head(int64_t place) const {
    return {static_cast<int>(place / manifest.heads), static_cast<int>(place % manifest.heads)};
  }
};

// qrels: one for each store, or one for all. kInvalidInput when stores do not fit together, or no query is
// left.
Result<JudgedStores> load_judged_stores(std::span<const std::filesystem::path> stores,
                                        std::span<const std::filesystem::path> qrels,
                                        Balance balance = Balance::kQueries);
// A weight for each query, by the store that it is of; they sum to 1.
std::vector<double> balanced_weights(std::span<const size_t> stores, Balance balance);
// Sets the weights anew: after queries were taken out.
void balance_weights(std::vector<JudgedScores>& queries, Balance balance);

}  // namespace headwise
