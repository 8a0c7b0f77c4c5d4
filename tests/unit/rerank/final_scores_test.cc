// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/final_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rerank/answer.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;

std::vector<ScoredPassage> passages_of(const std::vector<std::optional<double>>& scores) {
  std::vector<ScoredPassage> passages;
  for (const auto& score : scores) {
    passages.push_back({.index = static_cast<int>(passages.size()),
                        .score = score.value_or(0.0),
                        .empty = !score.has_value()});
  }
  return passages;
}

std::vector<double> scores_of(const std::vector<ScoredPassage>& passages) {
  std::vector<double> scores;
  for (const ScoredPassage& passage : passages) scores.push_back(passage.score);
  return scores;
}

TEST(FinalScores, EmptyPassagesStandAMeanStepBelowTheLowest) {
  auto passages = passages_of({std::nullopt, 3.0, -1.0, std::nullopt, 0.0});
  EXPECT_FALSE(finish_scores({}, {}, passages));
  EXPECT_THAT(scores_of(passages), ElementsAre(-3.0, 3.0, -1.0, -3.0, 0.0));
  EXPECT_THAT(best_first({}, passages), ElementsAre(1, 4, 2, 0, 3));
}

TEST(FinalScores, EmptyPassagesHaveNumbersWhateverStandsBesideThem) {
  auto one = passages_of({std::nullopt, -5.0});
  finish_scores({}, {}, one);
  EXPECT_THAT(scores_of(one), ElementsAre(-6.0, -5.0));
  auto alike = passages_of({2.0, std::nullopt, 2.0});
  finish_scores({}, {}, alike);
  EXPECT_THAT(scores_of(alike), ElementsAre(2.0, 1.0, 2.0));
  auto none = passages_of({std::nullopt, std::nullopt});
  finish_scores({}, {}, none);
  EXPECT_THAT(scores_of(none), ElementsAre(0.0, 0.0));
}

TEST(FinalScores, FusionLeavesEmptyPassagesOut) {
  RerankerOptions options;
  options.fusion = Fusion::kReciprocalRank;
  const std::vector<double> first_stage{9.0, 1.0, 2.0};
  auto passages = passages_of({std::nullopt, 5.0, 4.0});
  const auto fused = finish_scores(options, first_stage, passages);
  auto without = passages_of({5.0, 4.0});
  const auto expected = finish_scores(options, std::vector<double>{1.0, 2.0}, without);
  ASSERT_TRUE(fused && expected);
  EXPECT_EQ(passages[1].score, without[0].score);
  EXPECT_EQ(passages[2].score, without[1].score);
  EXPECT_LT(passages[0].score, passages[2].score);
  EXPECT_EQ(fused->ours[2], expected->ours[1]);
  EXPECT_EQ(fused->ours[0], 0.0);
}

TEST(FinalScores, EmptyPassagesAreIrrelevantAndNoOthersNeighbours) {
  RerankerOptions options;
  options.relevance = RelevanceFit{
      .bias = 0.5, .weights = std::vector<double>(relevance_features().size(), 0.1), .data = {}, .error = {}};
  const RequestFacts facts{.passages = 2, .passage_tokens = 20, .mass = 0.5, .empty_mass = 0.4};
  auto passages = passages_of({std::nullopt, 5.0, 4.0});
  set_relevance(options, true, facts, passages);
  auto without = passages_of({5.0, 4.0});
  set_relevance(options, true, facts, without);
  EXPECT_EQ(passages[0].relevance, 0.0);
  ASSERT_TRUE(without[0].relevance);
  EXPECT_EQ(passages[1].relevance, without[0].relevance);
  EXPECT_EQ(passages[2].relevance, without[1].relevance);
  auto all_empty = passages_of({std::nullopt});
  set_relevance(options, true, facts, all_empty);
  set_relevance(options, false, facts, passages);  // other heads: nothing is known
  EXPECT_EQ(passages[1].relevance, without[0].relevance);
}

}  // namespace
}  // namespace headwise
