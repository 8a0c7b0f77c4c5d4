// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace headwise {
namespace {

using torch::Tensor;
using Loss = std::function<Tensor(const Tensor&)>;

const std::vector<int> kGrades{0, 2, 1, 0, 3, 0, 1, 0, 0, 2};
const std::vector<int> kPlaces{3, 1, 0, 9, 4, 5, 2, 7, 8, 6};
const std::vector<float> kTeacher{.1f, .8f, .3f, .2f, .9f, .05f, .33f, .12f, .4f, .55f};

Tensor some_logits(uint64_t seed, double spread) {
  torch::Generator random = torch::make_generator<at::CPUGeneratorImpl>(seed);
  return torch::randn({static_cast<int64_t>(kGrades.size())}, random, torch::kFloat64) * spread;
}

// Central differences in double precision.
void expect_gradient(const Loss& loss, const Tensor& at) {
  Tensor x = at.clone().requires_grad_(true);
  loss(x).backward();
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < at.size(0); ++i) {
    Tensor up = at.clone();
    Tensor down = at.clone();
    up[i] += kStep;
    down[i] -= kStep;
    const double expected = (loss(up).item<double>() - loss(down).item<double>()) / (2 * kStep);
    EXPECT_NEAR(x.grad()[i].item<double>(), expected, 1e-7) << "logit " << i;
  }
}

TEST(Losses, PairLossHasTheGradientOfFiniteDifferences) {
  const Tensor reference = some_logits(7, 1.0);
  for (const int pairs : {0, 1, 3, 16}) {
    for (const bool against : {false, true}) {
      const PairLossOptions options{pairs, 0.5, 0.1};
      const auto frozen = against ? std::optional<Tensor>(reference) : std::nullopt;
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE("pairs " + std::to_string(pairs) + ", seed " + std::to_string(seed));
        expect_gradient([&](const Tensor& l) { return pair_loss(l, kGrades, options, frozen); },
                        some_logits(seed, 1.0));
      }
    }
  }
}

TEST(Losses, RegularisersHaveTheGradientOfFiniteDifferences) {
  for (const char* name : {"kl", "var", "ent"}) {
    const Regulariser kind = regulariser_named(name).value();
    // Close together, so that the deviation lies below the bound of `var`, and far apart.
    for (const double spread : {0.2, 2.0}) {
      SCOPED_TRACE(name + std::string(", spread ") + std::to_string(spread));
      expect_gradient([&](const Tensor& l) { return regulariser_loss(kind, l, kGrades, kPlaces); },
                      some_logits(3, spread));
    }
  }
}

TEST(Losses, ListwiseDivergenceHasTheGradientOfFiniteDifferences) {
  for (const double temperature : {0.05, 1.0}) {
    expect_gradient([&](const Tensor& l) { return listwise_divergence(l, kTeacher, temperature); },
                    some_logits(4, 1.0));
  }
}

// The formulas of docs/method.md#training, written out.
TEST(Losses, PairLossIsTheFormula) {
  const std::vector<int> grades{1, 0, 2, 0};
  const Tensor l = torch::tensor({0.3, 0.1, 0.2, -0.4}, torch::kFloat64);
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  const auto term = [&](double margin) { return softplus(-(margin / 0.5 - 0.1)); };
  // 2 over 1: one pair; 1 over 0: two pairs, of which the harder is 0.3 - 0.1.
  EXPECT_NEAR(pair_loss(l, grades, {1, 0.5, 0.1}).item<double>(), (term(0.2 - 0.3) + term(0.3 - 0.1)) / 2,
              1e-12);
  EXPECT_NEAR(pair_loss(l, grades, {0, 0.5, 0.1}).item<double>(),
              (term(0.2 - 0.3) + term(0.3 - 0.1) + term(0.3 + 0.4)) / 3, 1e-12);
  EXPECT_FALSE(pair_loss(l, std::vector<int>{1, 1, 1, 1}, {}).defined());
}

TEST(Losses, RegularisersAreTheFormulas) {
  const std::vector<int> grades{1, 0, 0, 0};
  const std::vector<int> places{0, 1, 2, 3};
  const Tensor even = torch::zeros({4}, torch::kFloat64);
  EXPECT_NEAR(regulariser_loss(Regulariser::kEntropy, even, grades, places).item<double>(), 1.0, 1e-12);
  // Places 1 and 2 are the middle half; alike, they lack all of the deviation asked for.
  EXPECT_NEAR(regulariser_loss(Regulariser::kVariance, even, grades, places).item<double>(), 0.5, 1e-5);
  const Tensor spread = torch::tensor({0.0, 3.0, -3.0, 0.0}, torch::kFloat64);
  EXPECT_EQ(regulariser_loss(Regulariser::kVariance, spread, grades, places).item<double>(), 0.0);
  // p = softmax(grade): no divergence.
  const Tensor exact = torch::tensor({1.0, 0.0, 0.0, 0.0}, torch::kFloat64);
  EXPECT_NEAR(regulariser_loss(Regulariser::kKl, exact, grades, places).item<double>(), 0.0, 1e-12);
  EXPECT_FALSE(regulariser_loss(Regulariser::kNone, even, grades, places).defined());
}

TEST(Losses, ListwiseDivergenceIsZeroWhereTheTeacherIsFollowed) {
  const std::vector<float> teacher{0.1f, 0.5f, 0.2f};
  const Tensor l = torch::tensor({0.1 / 0.05, 0.5 / 0.05, 0.2 / 0.05}, torch::kFloat64);
  EXPECT_NEAR(listwise_divergence(l, teacher, 0.05).item<double>(), 0.0, 1e-6);
  EXPECT_GT(listwise_divergence(l.roll(1), teacher, 0.05).item<double>(), 0.5);
}

TEST(Losses, WhatIsAddedToTheTeacherIsFollowedToo) {
  const std::vector<float> teacher{0.1f, 0.5f, 0.2f};
  const Tensor added = torch::tensor({1.0, -7.0, 2.0}, torch::kFloat64).requires_grad_(true);
  const Tensor l = (torch::tensor({2.0, 10.0, 4.0}, torch::kFloat64) + added.detach()).requires_grad_(true);
  EXPECT_NEAR(listwise_divergence(l, teacher, 0.05, added).item<double>(), 0.0, 1e-6);
  EXPECT_GT(listwise_divergence(l, teacher, 0.05).item<double>(), 0.5);
  listwise_divergence(l, teacher, 0.05, added).backward();
  EXPECT_FALSE(added.grad().defined());
}

TEST(Losses, UnknownRegulariserIsNamed) {
  const auto found = regulariser_named("entropy");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message().find("'entropy'"), std::string::npos);
}

}  // namespace
}  // namespace headwise
