// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The label search against brute force over all subsets, and its incremental keys against recomputation.
#include "route/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "made_up_stores.h"

namespace headwise {
namespace {

using made_up::kRaw;
using ::testing::HasSubstr;

std::vector<int> first_places(int count) {
  std::vector<int> places;
  for (int i = 0; i < count; ++i) places.push_back(i);
  return places;
}

PoolQuery pool_query(const JudgedScores& query, int pool) {
  return make_pool_query(calibrated_scores(query.scores, kRaw.calibration, kRaw.token_filter), query.gains,
                         first_places(pool));
}

// The best key of all sets of at most `most` of `pool` heads.
SetKey brute_force(const PoolQuery& query, int pool, int most) {
  SetKey best{-1.0, 0.0};
  for (unsigned mask = 1; mask < (1U << pool); ++mask) {
    if (std::popcount(mask) > most) continue;
    std::vector<int> members;
    for (int head = 0; head < pool; ++head) {
      if ((mask >> head & 1U) != 0) members.push_back(head);
    }
    const SetKey key = set_key(std::span(&query, 1), members);
    if (key.better_than(best)) best = key;
  }
  return best;
}

TEST(Labels, SearchAgainstBruteForce) {
  constexpr int kPool = 10, kMost = 3;
  made_up::Shape shape;
  shape.queries = 400;
  shape.relevant = 4;
  ThreadPool threads(1);
  const auto problem = made_up::make(
      shape, [](int head, int) { return 0.15 * (head % 5); }, 11);
  int optimal = 0, same_ndcg = 0;
  for (const JudgedScores& judged : problem.stores.queries) {
    const PoolQuery query = pool_query(judged, kPool);
    const FoundSet found = forward_swap(std::span(&query, 1), kPool, kMost, threads, Neighbourhood::kWide);
    const SetKey best = brute_force(query, kPool, kMost);
    EXPECT_FALSE(found.key.better_than(best));
    // The key that was kept up step by step is that of the set from scratch.
    const SetKey again = set_key(std::span(&query, 1), found.members);
    EXPECT_NEAR(again.ndcg, found.key.ndcg, 1e-12);
    EXPECT_NEAR(again.log_likelihood, found.key.log_likelihood, 1e-9);
    same_ndcg += best.ndcg - found.key.ndcg <= SetKey::kTie ? 1 : 0;
    optimal += best.better_than(found.key) ? 0 : 1;
  }
  const double share = optimal / 400.0;
  RecordProperty("optimal_share", std::to_string(share));
  std::printf("optimal in %.1f %% of the searches, in %.1f %% by nDCG@10 alone\n", 100 * share,
              same_ndcg / 4.0);
  EXPECT_GE(share, 0.95);
}

TEST(Labels, QueriesWhereAllSetsTieAreDroppedAndCounted) {
  made_up::Shape shape;
  shape.queries = 12;
  auto problem = made_up::make(
      shape, [](int, int) { return 1.0; }, 5);
  for (size_t q = 0; q < 3; ++q) {  // every candidate alike for every head
    std::fill(problem.stores.queries[q].scores.values.begin(), problem.stores.queries[q].scores.values.end(),
              0.5f);
  }
  ThreadPool threads(2);
  LabelOptions options;
  options.read_out = kRaw;
  const auto labels = make_labels(problem.stores, options, threads);
  ASSERT_TRUE(labels);
  EXPECT_EQ(labels->ties, 3u);
  EXPECT_EQ(labels->queries.size(), 9u);
  problem.stores.queries.erase(problem.stores.queries.begin() + 3, problem.stores.queries.end());
  const auto none = make_labels(problem.stores, options, threads);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(none.error().message(), HasSubstr("no query is left to learn from"));
}

TEST(Labels, VotesAreSeededAndTheSameAtAnyNumberOfThreads) {
  made_up::Shape shape;
  shape.queries = 30;
  const auto problem = made_up::make(
      shape, [](int head, int topic) { return head % 8 == topic ? 2.0 : 0.0; }, 6);
  LabelOptions options;
  options.read_out = kRaw;
  options.votes = 5;
  ThreadPool one(1), three(3);
  const std::string text = format_labels(make_labels(problem.stores, options, one).value());
  EXPECT_EQ(text, format_labels(make_labels(problem.stores, options, three).value()));
  options.seed = 2;
  EXPECT_NE(text, format_labels(make_labels(problem.stores, options, one).value()));
}

// A query in two stores (two shuffles) is one label that both vote for.
TEST(Labels, CopiesOfAQueryVoteTogether) {
  made_up::Shape shape;
  shape.queries = 8;
  auto problem = made_up::make(
      shape, [](int head, int) { return head == 3 ? 4.0 : 0.0; }, 7);
  const auto copies = problem.stores.queries;
  for (JudgedScores copy : copies) {
    copy.store = 1;
    problem.stores.queries.push_back(std::move(copy));
  }
  ThreadPool threads(1);
  LabelOptions options;
  options.read_out = kRaw;
  EXPECT_EQ(make_labels(problem.stores, options, threads)->queries.size(), 8u);
}

class LabelFile : public ::testing::Test {
 protected:
  void SetUp() override {
    made_up::Shape shape;
    shape.queries = 10;
    ThreadPool threads(1);
    LabelOptions options;
    options.read_out = kRaw;
    labels_ = make_labels(made_up::make(
                              shape, [](int head, int) { return head == 3 ? 2.0 : 0.1; }, 8)
                              .stores,
                          options, threads)
                  .value();
    labels_.calibration = labels_.token_filter = "none";
  }
  Result<RoutingLabels> read(const std::string& text) {
    const auto path = std::filesystem::path(::testing::TempDir()) / "headwise_labels.json";
    std::ofstream(path) << text;
    return read_labels(path);
  }
  std::string replaced(const std::string& from, const std::string& to) {
    std::string text = format_labels(labels_);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, from.size(), to);
  }
  RoutingLabels labels_;
};

TEST_F(LabelFile, ComesBackAsItWas) {
  const auto read_back = read(format_labels(labels_));
  ASSERT_TRUE(read_back) << read_back.error().to_string();
  EXPECT_EQ(format_labels(*read_back).substr(0, 200), format_labels(labels_).substr(0, 200));
  EXPECT_EQ(read_back->queries.size(), labels_.queries.size());
  EXPECT_EQ(read_back->queries[4].members, labels_.queries[4].members);
}

TEST_F(LabelFile, WhatIsWrongIsNamed) {
  const std::pair<std::string, const char*> cases[] = {
      {"{", "parse error"},
      {"[]", "expected \"format\""},
      {replaced("\"most\": 8", "\"most\": -1"), "'most' must be a whole number from 1 to 1000000"},
      {replaced("\"version\": 1", "\"version\": 7"), "expected version 1"},
      {replaced("\"model\": \"made-up\"", "\"model\": 3"), "'model' must be a text"},
      {replaced("\"pool\": [", "\"pool\": [\"99-1\", "), "99-1 is not in this model"},
      {replaced("\"store\": 0", "\"store\": 5"), "'store' must be a whole number from 0 to"},
      {replaced("\"queries\": [", "\"queries\": [], \"other\": ["), "at least one query"},
  };
  for (const auto& [text, words] : cases) {
    const auto wrong = read(text);
    ASSERT_FALSE(wrong) << words;
    EXPECT_EQ(wrong.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(wrong.error().to_string(), HasSubstr(words));
  }
}

}  // namespace
}  // namespace headwise
