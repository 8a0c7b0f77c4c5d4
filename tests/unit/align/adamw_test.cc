// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/adamw.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

TEST(AdamW, StepsAsLibtorchsOwn) {
  torch::manual_seed(1);
  torch::Tensor ours = torch::randn({4, 3}).requires_grad_(true);
  torch::Tensor theirs = ours.detach().clone().requires_grad_(true);
  AdamW mine({{{ours}, 0.01, 0.1}}, 0.9, 0.99);
  torch::optim::AdamW other({theirs}, torch::optim::AdamWOptions(0.01).betas({0.9, 0.99}).weight_decay(0.1));
  const torch::Tensor target = torch::randn({4, 3});
  for (int step = 0; step < 20; ++step) {
    mine.zero_gradients();
    (ours - target).pow(2).sum().backward();
    mine.step(1.0);
    other.zero_grad();
    (theirs - target).pow(2).sum().backward();
    other.step();
    ASSERT_LT((ours - theirs).abs().max().item<float>(), 1e-6) << "step " << step;
  }
}

TEST(AdamW, ClipsEachGroupToTheNorm) {
  torch::Tensor large = torch::zeros({2}).requires_grad_(true);
  torch::Tensor small = torch::zeros({1}).requires_grad_(true);
  AdamW optimiser({{{large}, 1.0, 0.0}, {{small}, 1.0, 0.0}}, 0.9, 0.99);
  (large * torch::tensor({3.0f, 4.0f})).sum().backward();
  (small * 0.5).sum().backward();
  EXPECT_NEAR(optimiser.clip(1.0), 5.0, 1e-6);
  EXPECT_NEAR(large.grad().norm().item<double>(), 1.0, 1e-6);
  EXPECT_NEAR(small.grad().norm().item<double>(), 0.5, 1e-6);
}

TEST(AdamW, LearningRateRisesAndFalls) {
  EXPECT_DOUBLE_EQ(learning_rate_share(0, 100, 10, 0.05), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate_share(9, 100, 10, 0.05), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_share(10, 100, 10, 0.05), 1.0);
  EXPECT_NEAR(learning_rate_share(55, 100, 10, 0.05), 0.525, 1e-12);
  EXPECT_NEAR(learning_rate_share(100, 100, 10, 0.05), 0.05, 1e-12);
  EXPECT_DOUBLE_EQ(learning_rate_share(3, 100, 0, 0.05) > 0.99, true);
}

}  // namespace
}  // namespace headwise
