// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Kinds of scores: their numbers (closed forms), one order in all of them, and odd lists.
#include "headwise/score_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "headwise/reranker.h"
#include "rerank/answer.h"

namespace headwise {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

std::vector<double> expressed(ScoreKind kind, const std::vector<double>& best_first) {
  std::vector<ScoredPassage> hits;
  for (const double score : best_first)
    hits.push_back({.index = static_cast<int>(hits.size()), .score = score});
  EXPECT_TRUE(express_scores(kind, hits));
  std::vector<double> scores;
  for (const ScoredPassage& hit : hits) {
    EXPECT_EQ(hit.index, static_cast<int>(scores.size()));
    scores.push_back(hit.score);
  }
  return scores;
}

TEST(ScoreKind, HasWords) {
  EXPECT_THAT(score_kind_words(), ElementsAre("raw", "relevance", "softmax", "minmax"));
  for (const std::string& word : score_kind_words())
    EXPECT_EQ(to_string(parse_score_kind(word).value()), word);
  for (const char* wrong : {"", "Raw", "soft max", "probability", "softmax "}) {
    const auto kind = parse_score_kind(wrong);
    ASSERT_FALSE(kind) << wrong;
    EXPECT_EQ(kind.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(kind.error().message(),
              "expected one of raw, relevance, softmax, minmax; found '" + std::string(wrong) + "'");
  }
}

TEST(ScoreKind, NumbersAreThoseOfTheFormulas) {
  // e^0, e^-1, e^-3 over their sum 1.417666... ; (s + 1) / 3.
  const double sum = 1.0 + std::exp(-1.0) + std::exp(-3.0);
  EXPECT_THAT(expressed(ScoreKind::kSoftmax, {2, 1, -1}),
              ElementsAre(DoubleNear(1 / sum, 1e-15), DoubleNear(std::exp(-1.0) / sum, 1e-15),
                          DoubleNear(std::exp(-3.0) / sum, 1e-15)));
  EXPECT_THAT(expressed(ScoreKind::kMinmax, {2, 1, -1}), ElementsAre(1.0, DoubleNear(2.0 / 3.0, 1e-15), 0.0));
  EXPECT_THAT(expressed(ScoreKind::kRaw, {2, 1, -1}), ElementsAre(2.0, 1.0, -1.0));
}

TEST(ScoreKind, OddLists) {
  for (const ScoreKind kind :
       {ScoreKind::kRaw, ScoreKind::kRelevance, ScoreKind::kSoftmax, ScoreKind::kMinmax}) {
    EXPECT_THAT(expressed(kind, {}), ElementsAre());
  }
  EXPECT_THAT(expressed(ScoreKind::kSoftmax, {-7.5}), ElementsAre(1.0));
  EXPECT_THAT(expressed(ScoreKind::kMinmax, {-7.5}), ElementsAre(1.0));
  EXPECT_THAT(expressed(ScoreKind::kMinmax, {3, 3, 3}), ElementsAre(1.0, 1.0, 1.0));
  EXPECT_THAT(expressed(ScoreKind::kSoftmax, {3, 3, 3, 3}), ElementsAre(0.25, 0.25, 0.25, 0.25));
  EXPECT_THAT(expressed(ScoreKind::kSoftmax, {1e6, -1e6}), ElementsAre(1.0, 0.0));
  EXPECT_THAT(expressed(ScoreKind::kMinmax, {-0.0, 0.0}), ElementsAre(1.0, 1.0));
  const double tiny = std::numeric_limits<double>::denorm_min();
  EXPECT_THAT(expressed(ScoreKind::kMinmax, {tiny, 0.0}), ElementsAre(1.0, 0.0));
}

TEST(ScoreKind, RelevanceIsRefusedWholeWhereOneHasNone) {
  std::vector<ScoredPassage> hits{{.index = 0, .score = 2.0, .relevance = 0.75}, {.index = 1, .score = 1.0}};
  const Status refused = express_scores(ScoreKind::kRelevance, hits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
  EXPECT_EQ(hits[0].score, 2.0);
  hits[1].relevance = 0.25;
  ASSERT_TRUE(express_scores(ScoreKind::kRelevance, hits));
  EXPECT_EQ(hits[0].score, 0.75);
  EXPECT_EQ(hits[1].score, 0.25);
}

// What nothing was read of is no part of the sums and 0.
TEST(ScoreKind, EmptyPassagesStandLastWithNothing) {
  for (const ScoreKind kind : {ScoreKind::kRelevance, ScoreKind::kSoftmax, ScoreKind::kMinmax}) {
    std::vector<ScoredPassage> hits(3);
    hits[0].score = 3.0;
    hits[0].relevance = 1.0;
    hits[1].score = hits[2].score = 2.0;
    hits[1].empty = hits[2].empty = true;
    ASSERT_TRUE(express_scores(kind, hits));
    EXPECT_EQ(hits[0].score, 1.0);
    EXPECT_EQ(hits[1].score, 0.0);
    EXPECT_EQ(hits[2].score, 0.0);
    hits[0].empty = true;
    ASSERT_TRUE(express_scores(kind, hits));
    EXPECT_EQ(hits[0].score, 0.0);
  }
}

std::vector<ScoredPassage> scored(const std::vector<double>& total) {
  std::vector<ScoredPassage> passages;
  for (const double score : total) {
    passages.push_back({.index = static_cast<int>(passages.size()), .score = score});
  }
  return passages;
}

TEST(ScoreKind, OneOrderInEveryKind) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal(0.0, 3.0);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> total(1 + random() % 50);
    for (double& score : total) score = std::round(normal(random) * 4) / 4;  // ties among them
    const auto raw = answer(scored(total), {}).value();
    for (const ScoreKind kind : {ScoreKind::kSoftmax, ScoreKind::kMinmax}) {
      const auto hits = answer(scored(total), {.score = kind, .min_score = {}, .top_k = 0}).value();
      ASSERT_EQ(hits.size(), raw.size());
      for (size_t i = 0; i < hits.size(); ++i) {
        EXPECT_EQ(hits[i].index, raw[i].index);
        EXPECT_LE(hits[i].score, hits[i > 0 ? i - 1 : 0].score);
        EXPECT_TRUE(hits[i].score >= 0.0 && hits[i].score <= 1.0);
      }
    }
  }
}

std::vector<int> places(const std::vector<double>& total, const AnswerWishes& wishes) {
  std::vector<int> found;
  const auto hits = answer(scored(total), wishes).value();
  for (const ScoredPassage& hit : hits) found.push_back(hit.index);
  return found;
}

// The least score is of the kind asked for, over all passages of the request, before top_k.
TEST(Answer, LeavesOutWhatScoresLess) {
  const std::vector<double> total{1, 5, 3, 3};
  EXPECT_THAT(places(total, {.score = ScoreKind::kRaw, .min_score = 3.0, .top_k = 0}), ElementsAre(1, 2, 3));
  EXPECT_THAT(places(total, {.score = ScoreKind::kRaw, .min_score = 3.0, .top_k = 2}), ElementsAre(1, 2));
  EXPECT_THAT(places(total, {.score = ScoreKind::kRaw, .min_score = -1e300, .top_k = 0}),
              ElementsAre(1, 2, 3, 0));
  EXPECT_THAT(places(total, {.score = ScoreKind::kRaw, .min_score = 5.5, .top_k = 0}), ElementsAre());
  EXPECT_THAT(places(total, {.score = ScoreKind::kMinmax, .min_score = 0.5, .top_k = 0}),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(places(total, {.score = ScoreKind::kMinmax, .min_score = 1.0, .top_k = 0}), ElementsAre(1));
  EXPECT_THAT(places({4}, {.score = ScoreKind::kSoftmax, .min_score = 1.0, .top_k = 0}), ElementsAre(0));
}

TEST(Answer, ARequestsOwnWishesWin) {
  RerankerOptions options;
  options.score = ScoreKind::kSoftmax;
  options.min_score = 0.5;
  options.top_k = 3;
  const AnswerWishes own = answer_wishes(options, {"q", {}}).value();
  EXPECT_EQ(own.score, ScoreKind::kSoftmax);
  EXPECT_EQ(own.min_score, 0.5);
  EXPECT_EQ(own.top_k, 3);
  RankRequest request{.query = "q", .passages = {}};
  request.score = ScoreKind::kRaw;
  request.min_score = -2.0;
  const AnswerWishes asked = answer_wishes(options, request).value();
  EXPECT_EQ(asked.score, ScoreKind::kRaw);
  EXPECT_EQ(asked.min_score, -2.0);
  EXPECT_EQ(asked.top_k, 3);
  for (const int wanted : {0, 7}) {
    request.top_k = wanted;
    EXPECT_EQ(answer_wishes(options, request)->top_k, wanted);
  }
  request.top_k = -1;
  EXPECT_EQ(answer_wishes(options, request).error().message(), "--top-k: expected 0 (all) or more; found -1");
  request.top_k.reset();
  // More than any score of the kind can be, whoever says which.
  request.min_score = 1.5;
  EXPECT_TRUE(answer_wishes(options, request)) << "raw";
  for (const ScoreKind kind : {ScoreKind::kSoftmax, ScoreKind::kMinmax}) {
    request.score = kind;
    const auto refused = answer_wishes(options, request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
    EXPECT_EQ(refused.error().message(), "--min-score: expected 1 or less with --score " +
                                             std::string(to_string(kind)) +
                                             ", whose scores are from 0 to 1; found 1.5");
  }
  request.score.reset();
  EXPECT_FALSE(answer_wishes(options, request)) << "softmax, as the options say";
  request.score = ScoreKind::kMinmax;
  for (const double least : {1.0, 0.0, -3.0}) {
    request.min_score = least;
    EXPECT_TRUE(answer_wishes(options, request)) << least;
  }
  for (const double wrong : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    request.min_score = wrong;
    const auto refused = answer_wishes(options, request);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace headwise
