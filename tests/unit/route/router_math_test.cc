// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/router_math.h"

#include <gtest/gtest.h>

#include <random>

namespace headwise {
namespace {

struct Case {
  RouterWeights weights;
  std::vector<double> inputs, labels;
  int64_t queries = 5;
};

Case random_case(int64_t inputs, int64_t inner, size_t heads) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  Case made;
  made.weights.inputs = inputs;
  made.weights.inner = inner;
  made.weights.map_RC.resize(static_cast<size_t>(inputs * inner));
  made.weights.offset_R.resize(static_cast<size_t>(inner));
  made.weights.heads_KR.resize(heads * static_cast<size_t>(inner));
  made.weights.bias_K.resize(heads);
  made.inputs.resize(static_cast<size_t>(made.queries * inputs));
  for (auto* values : {&made.weights.map_RC, &made.weights.offset_R, &made.weights.heads_KR,
                       &made.weights.bias_K, &made.inputs}) {
    for (double& value : *values) value = normal(random);
  }
  for (size_t i = 0; i < static_cast<size_t>(made.queries) * heads; ++i) {
    made.labels.push_back(random() % 3 == 0 ? 1.0 : 0.0);
  }
  return made;
}

// Central differences on every parameter.
void compare_with_differences(Case made, double positive_weight, double sparsity) {
  const RouterBatch batch{made.inputs, made.labels, made.queries};
  const RouterGradients exact = router_gradients(made.weights, batch, positive_weight, sparsity);
  const struct {
    std::vector<double>& values;
    const std::vector<double>& gradient;
    const char* name;
  } groups[] = {{made.weights.map_RC, exact.map_RC, "W"},
                {made.weights.offset_R, exact.offset_R, "c"},
                {made.weights.heads_KR, exact.heads_KR, "e"},
                {made.weights.bias_K, exact.bias_K, "b"}};
  for (const auto& group : groups) {
    ASSERT_EQ(group.values.size(), group.gradient.size());
    for (size_t i = 0; i < group.values.size(); ++i) {
      constexpr double kStep = 1e-5;
      const double at = group.values[i];
      group.values[i] = at + kStep;
      const double above = router_gradients(made.weights, batch, positive_weight, sparsity).loss;
      group.values[i] = at - kStep;
      const double below = router_gradients(made.weights, batch, positive_weight, sparsity).loss;
      group.values[i] = at;
      const double slope = (above - below) / (2 * kStep);
      EXPECT_NEAR(group.gradient[i], slope, 1e-6 * std::max(1.0, std::abs(slope)))
          << group.name << "[" << i << "]";
    }
  }
}

TEST(RouterMath, GradientsAgainstFiniteDifferences) {
  compare_with_differences(random_case(7, 6, 9), 1.0, 0.0);
  compare_with_differences(random_case(7, 6, 9), 3.5, 0.4);
  compare_with_differences(random_case(4, 1, 2), 0.5, 2.0);
}

TEST(RouterMath, TheBiasAloneNeedsNoInput) {
  compare_with_differences(random_case(0, 0, 6), 2.0, 0.3);
  RouterWeights weights;
  weights.bias_K = {0.0, 2.0};
  EXPECT_EQ(router_logits(weights, {}, 2), (std::vector<double>{0.0, 2.0, 0.0, 2.0}));
}

TEST(RouterMath, LogitsByHand) {
  // u = (1*2 + 0*3 + 1, 2*2 - 1*3 + 0) = (3, 1); z = (3*1 + 1*1) / sqrt(2) + 0.5.
  RouterWeights weights;
  weights.inputs = weights.inner = 2;
  weights.map_RC = {1, 0, 2, -1};
  weights.offset_R = {1, 0};
  weights.heads_KR = {1, 1};
  weights.bias_K = {0.5};
  const auto z = router_logits(weights, std::vector<double>{2, 3}, 1);
  EXPECT_DOUBLE_EQ(z[0], 4.0 / std::sqrt(2.0) + 0.5);
}

TEST(RouterMath, TheLossOfSureAndWrongLogitsStaysFinite) {
  RouterWeights weights;
  weights.bias_K = {800.0, -800.0};
  const std::vector<double> labels{0.0, 1.0};
  EXPECT_DOUBLE_EQ(router_gradients(weights, {{}, labels, 1}, 1.0, 0.0).loss, 800.0);
}

}  // namespace
}  // namespace headwise
