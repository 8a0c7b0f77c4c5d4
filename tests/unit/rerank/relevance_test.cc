// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Relevance: its number against numpy's of the same formulas, and an order that no fit can turn around.
#include "headwise/relevance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "rerank/answer.h"

namespace headwise {
namespace {

RelevanceFit some_fit() {
  return {.bias = -0.3,
          .weights = {0.5, 0.25, 0.75, 0.125, -0.5, 0.0625, -0.25, 0.375, -0.625},
          .data = {},
          .error = {}};
}

constexpr RequestFacts kThree{.passages = 3, .passage_tokens = 120, .mass = 0.4, .empty_mass = 0.25};

TEST(Relevance, IsTheNumberThatNumpyGives) {
  const auto relevance = relevance_of(some_fit(), kThree, std::vector<double>{2.0, -1.0, 0.5});
  EXPECT_NEAR(relevance[0], 0.73468794117209, 1e-13);
  EXPECT_NEAR(relevance[1], 0.0475930892460794, 1e-13);
  EXPECT_NEAR(relevance[2], 0.280041700688845, 1e-13);
}

TEST(Relevance, NeverTurnsTwoPassagesAround) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  for (int round = 0; round < 500; ++round) {
    RelevanceFit fit = some_fit();
    fit.bias = 5.0 * normal(random);
    for (size_t k = 0; k < fit.weights.size(); ++k) {
      fit.weights[k] = std::pow(10.0, round % 5) * normal(random);
      if (relevance_features()[k].of_passage) fit.weights[k] = std::abs(fit.weights[k]);
    }
    ASSERT_TRUE(check_relevance_fit(fit));
    std::vector<double> scores(1 + random() % 100);
    // Neighbours in the last bit, ties and large steps.
    for (double& score : scores) {
      score = round % 2 == 0 ? std::nextafter(1.0, 2.0) + 1e-16 * static_cast<double>(random() % 4)
                             : std::exp(4.0 * normal(random)) * normal(random);
    }
    const RequestFacts facts{.passages = static_cast<int64_t>(scores.size()),
                             .passage_tokens = 50,
                             .mass = std::generate_canonical<double, 53>(random),
                             .empty_mass = 1.0};
    const auto relevance = relevance_of(fit, facts, scores);
    for (size_t i = 0; i < scores.size(); ++i) {
      ASSERT_TRUE(relevance[i] >= 0.0 && relevance[i] <= 1.0);
      for (size_t j = 0; j < scores.size(); ++j) {
        ASSERT_TRUE(scores[i] < scores[j] || relevance[i] >= relevance[j]) << scores[i] << " " << scores[j];
      }
    }
  }
}

TEST(Relevance, OddRequests) {
  EXPECT_TRUE(relevance_of(some_fit(), {}, {}).empty());
  const struct {
    RequestFacts facts;
    std::vector<double> scores;
  } odd[] = {{{.passages = 1, .passage_tokens = 0, .mass = 0.0, .empty_mass = 0.0}, {0.0}},
             {{.passages = 1, .passage_tokens = 9, .mass = 1.0, .empty_mass = 1.0}, {-1e300}},
             {{.passages = 2, .passage_tokens = 9, .mass = 1.0000001, .empty_mass = -1e-9}, {1e300, 1e300}},
             {{.passages = 4, .passage_tokens = int64_t{1} << 40, .mass = 0.5, .empty_mass = 0.5},
              {5e-324, 0.0, -0.0, -5e-324}}};
  for (const auto& request : odd) {
    for (const double relevance : relevance_of(some_fit(), request.facts, request.scores)) {
      EXPECT_TRUE(relevance >= 0.0 && relevance <= 1.0) << relevance;
    }
  }
}

TEST(Relevance, AFitThatWouldTurnTheOrderIsRefused) {
  const auto refused = [](const RelevanceFit& fit) {
    const Status checked = check_relevance_fit(fit);
    return !checked && checked.error().code() == ErrorCode::kInvalidInput;
  };
  EXPECT_FALSE(refused(some_fit()));
  RelevanceFit fit = some_fit();
  fit.weights[0] = -0.01;
  EXPECT_TRUE(refused(fit));
  fit = some_fit();
  fit.weights.pop_back();
  EXPECT_TRUE(refused(fit));
  fit = some_fit();
  fit.weights.back() = std::nan("");
  EXPECT_TRUE(refused(fit));
  fit = some_fit();
  fit.bias = HUGE_VAL;
  EXPECT_TRUE(refused(fit));
}

// The share of the attention that goes to passages, a mean over heads by the size of their weights.
TEST(Relevance, FactsAreMeansOverHeads) {
  HeadScores scores;
  scores.heads = {{0, 0}, {0, 1}};
  scores.passages = 2;
  scores.values = {0.125f, 0.25f, 0.5f, 0.0f,   // the query's
                   0.25f,  0.25f, 0.0f, 0.25f,  // the content-free query's
                   9.0f,   9.0f,  9.0f, 9.0f};
  scores.statistics.passage_tokens = 31;
  const RequestFacts facts = request_facts(scores, std::vector<double>{-3.0, 1.0});
  EXPECT_EQ(facts.passages, 2);
  EXPECT_EQ(facts.passage_tokens, 31);
  EXPECT_DOUBLE_EQ(facts.mass, 0.75 * 0.375 + 0.25 * 0.5);
  EXPECT_DOUBLE_EQ(facts.empty_mass, 0.75 * 0.5 + 0.25 * 0.25);
  EXPECT_EQ(request_facts(scores, std::vector<double>{0.0, 0.0}).mass, 0.0);
}

}  // namespace
}  // namespace headwise
