// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The training graph against the engine, its multi-query prompts against single ones, and checkpointed layers
// against plain ones.
#include "align/graph/training_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "align/graph/batch_loss.h"
#include "align/graph/scorer.h"
#include "support/tolerance.h"
#include "tiny_scorers.h"

namespace headwise {
namespace {

class EveryModel : public testing::TestWithParam<const char*> {};

TEST_P(EveryModel, ScoresAreTheEngines) {
  const auto model = Model::load(kModels / GetParam(), {});
  ASSERT_TRUE(model) << model.error().to_string();
  torch::NoGradGuard no_grad;
  for (const Way& way : kWays) {
    SCOPED_TRACE(std::string("encoding ") + (way.encoding == Encoding::kBlocks ? "blocks" : "list") +
                 ", calibration " + std::to_string(static_cast<int>(way.calibration)) + ", rows " +
                 std::to_string(static_cast<int>(way.rows)));
    const Scorer scorer = make_scorer(**model, way, {});
    // All queries over the same passages at once: each is as if it were alone.
    const auto logits = scorer.logits(kQueries, kPassages);
    ASSERT_TRUE(logits) << logits.error().to_string();
    for (size_t q = 0; q < kQueries.size(); ++q) {
      const std::vector<double> expected = engine_scores(*model, way, kQueries[q]);
      double most = 0.0;
      for (const double score : expected) most = std::max(most, std::abs(score));
      for (size_t p = 0; p < kPassages.size(); ++p) {
        double found = (*logits)[static_cast<int64_t>(q)][static_cast<int64_t>(p)].item<double>();
        if (way.calibration == Calibration::kNone) {
          if (expected[p] + 1e-9 <= 0.0) continue;  // the logarithm of a negative sum
          found = std::exp(found) - 1e-9;
        }
        EXPECT_NEAR(found, expected[p], tolerance("torch", "fp32").score * std::max(1e-3, most))
            << "query " << q << ", passage " << p;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, EveryModel,
                         testing::Values("tiny-llama", "tiny-llama-linear-f32.gguf", "tiny-llama-llama3",
                                         "tiny-llama-yarn", "tiny-mistral", "tiny-qwen2", "tiny-qwen3",
                                         "tiny-olmo2", "tiny-smollm3", "tiny-granite"),
                         NameOfModel());

TEST(TrainingModel, WhatItHasNotIsRefusedByName) {
  for (const auto& [name, phrase] :
       {std::pair{"tiny-gemma3", "sliding window of 100 tokens in layers 0,2"},
        std::pair{"tiny-gemma2", "soft-cap of attention logits at 2 in layers 0-1"},
        std::pair{"tiny-mistral-window", "sliding window of 100 tokens in layers 0-1"},
        std::pair{"tiny-phi4", "longrope positions"},
        std::pair{"tiny-qwen3moe", "mixture of 8 experts in layers 0,2-3"}}) {
    const auto model = Model::load(kModels / name, {});
    ASSERT_TRUE(model) << model.error().to_string();
    TrainingModelOptions options;
    options.deepest_layer = 1;
    options.targets = {LayerTensor::kQuery};
    const auto refused = TrainingModel::create(**model, options);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
    EXPECT_NE(refused.error().message().find(phrase), std::string::npos) << refused.error().to_string();
  }
}

TEST_F(TinyLlama, CheckpointedLayersGiveTheSameGradients) {
  for (const Way& way : {kWays[0], kWays[4]}) {
    TrainingModelOptions options = every_projection();
    Scorer plain = make_scorer(*model_, way, options);
    options.checkpoint = true;
    Scorer checkpointed = make_scorer(*model_, way, options);
    stir(plain);
    stir(checkpointed);
    expect_same_gradients(plain, checkpointed);
  }
}

// No query sees its neighbours, and each adds its part of the gradient.
TEST_F(TinyLlama, ManyQueriesAreEachAsIfAlone) {
  std::vector<std::string> texts;
  for (int i = 0; i < 24; ++i) texts.push_back(std::string(kQueries[i % 3]) + " " + std::to_string(i));
  const std::vector<std::string_view> queries(texts.begin(), texts.end());
  for (const Way& way : {kWays[0], kWays[1], kWays[3], kWays[4]}) {
    Scorer scorer = make_scorer(*model_, way, every_projection(), TokenFilter::kNone);
    stir(scorer);
    const torch::Tensor together = scorer.logits(queries, kPassages)->detach();
    const auto found = gradients(scorer, queries);
    std::vector<torch::Tensor> expected;
    for (int64_t q = 0; q < 24; ++q) {
      const std::vector<std::string_view> one{queries[static_cast<size_t>(q)]};
      const torch::Tensor alone = scorer.logits(one, kPassages)->detach()[0];
      const double apart = (alone - together[q]).abs().max().item<double>();
      const double most = alone.abs().max().item<double>();
      EXPECT_LT(apart, tolerance("torch", "fp32").score * std::max(1e-3, most)) << "query " << q;
      const auto own = gradients(scorer, one);
      for (size_t i = 0; i < own.size(); ++i) {
        if (q == 0) {
          expected.push_back(own[i]);
        } else {
          expected[i] += own[i];
        }
      }
    }
    for (size_t i = 0; i < found.size(); ++i) {
      const double norm = expected[i].norm().item<double>();
      EXPECT_LT((found[i] - expected[i]).norm().item<double>(), 1e-4 * norm) << "parameter " << i;
    }
  }
}

// The loss along one direction of one parameter, everything else as it was.
class Line {
 public:
  Line(const Scorer& scorer, torch::Tensor parameter, torch::Tensor direction)
      : scorer_(scorer),
        parameter_(std::move(parameter)),
        direction_(std::move(direction)),
        start_(parameter_.clone()) {}
  double loss(double step) {
    parameter_.copy_(start_ + direction_ * step);
    const torch::Tensor logits = scorer_.logits(kQueries, kPassages)->to(torch::kFloat64);
    parameter_.copy_(start_);
    return -torch::log_softmax(logits, -1).select(1, 2).sum().item<double>();
  }
  double central(double step) { return (loss(step) - loss(-step)) / (2 * step); }
  // How far one fp32 evaluation lies from the next where the true loss does not change: the largest of a few
  // steps that move each number by a rounding or so.
  double noise() {
    const double middle = loss(0.0);
    double most = 0.0;
    for (int i = 1; i <= 6; ++i) most = std::max(most, std::abs(loss(2e-8 * i) - middle));
    return most;
  }

 private:
  const Scorer& scorer_;
  torch::Tensor parameter_;
  torch::Tensor direction_;
  torch::Tensor start_;
};

struct Slope {
  double value = 0.0;
  double error = 0.0;  // how far it may be from the derivative
};

// Richardson's extrapolation of two central differences (order four). What it may be off by: the difference
// of the two, three times the truncation of the better one, and the losses' rounding, which enters with 1.5 /
// step in all; a sample of six does not know the largest rounding, so it is taken for less than half of it.
Slope slope_of(Line& line, double step) {
  const double near = line.central(step);
  const double far = line.central(2 * step);
  return {(4 * near - far) / 3, std::abs(near - far) + 4 * line.noise() / step};
}

// Each matrix (each factor) by itself, along random directions.
TEST_F(TinyLlama, EachMatrixsGradientIsThatOfFiniteDifferences) {
  for (const bool whole : {false, true}) {
    for (const Way& way : {kWays[0], kWays[1], kWays[4]}) {
      TrainingModelOptions options = every_projection();
      options.whole_matrices = whole;
      // Without the filter: which tokens it keeps jumps, and its gradient is not followed.
      Scorer scorer = make_scorer(*model_, way, options, TokenFilter::kNone);
      stir(scorer);
      const auto gradient = gradients(scorer);
      const auto parameters = scorer.model().parameters();
      ASSERT_EQ(parameters.size(), (whole ? 1u : 2u) * (7 + 2))
          << "the deepest layer has queries and keys alone";
      torch::NoGradGuard no_grad;
      for (size_t i = 0; i < parameters.size(); ++i) {
        // A direction's numbers are normal, so its slope is about the gradient's norm.
        const double norm = gradient[i].norm().item<double>();
        for (int trial = 0; trial < 2; ++trial) {
          const torch::Tensor direction = torch::randn_like(parameters[i]);
          Line line(scorer, parameters[i], direction);
          const Slope measured = slope_of(line, 0.06 / direction.norm().item<double>());
          const double expected = (direction * gradient[i]).sum().item<double>();
          EXPECT_NEAR(measured.value, expected, measured.error)
              << (whole ? "matrix " : "factor ") << i << ", trial " << trial;
          EXPECT_LT(measured.error, 0.02 * norm) << "the measurement says nothing about parameter " << i;
        }
      }
    }
  }
}

TEST_F(TinyLlama, AKeptTrunkGivesTheSameBits) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("headwise_trunk_" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  for (const Way& way : {kWays[0], kWays[1], kWays[4]}) {
    TrainingModelOptions options = every_projection();
    options.first_layer = 1;
    Scorer plain = make_scorer(*model_, way, options);
    options.trunk_cache = folder;
    Scorer kept = make_scorer(*model_, way, options);
    stir(plain);
    stir(kept);
    const auto expected = gradients(plain);
    const auto expect_the_same = [&](int64_t found, int64_t missed) {
      const auto gained = gradients(kept);
      for (size_t i = 0; i < gained.size(); ++i)
        EXPECT_TRUE(torch::equal(gained[i], expected[i])) << "parameter " << i;
      EXPECT_EQ(kept.model().trunk_cache()->found(), found);
      EXPECT_EQ(kept.model().trunk_cache()->missed(), missed);
    };
    expect_the_same(0, 1);
    expect_the_same(1, 1);
    // A damaged file is as good as none.
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      std::filesystem::resize_file(entry, 100);
    expect_the_same(1, 2);
    expect_the_same(2, 2);
    EXPECT_FALSE(kept.model().trunk_cache()->first_error());
    std::filesystem::remove_all(folder);
  }
}

TEST_F(TinyLlama, ATrunkThatCannotBeKeptIsNoError) {
  TrainingModelOptions options = every_projection();
  options.first_layer = 1;
  options.trunk_cache = "/dev/null/nowhere";
  Scorer scorer = make_scorer(*model_, kWays[0], options);
  EXPECT_TRUE(scorer.logits(kQueries, kPassages));
  EXPECT_TRUE(scorer.model().trunk_cache()->first_error());
}

TEST_F(TinyLlama, WithoutTheChangeScoresAreTheFrozenOnes) {
  Scorer scorer = make_scorer(*model_, kWays[0], every_projection());
  torch::NoGradGuard no_grad;
  const torch::Tensor before = *scorer.logits(kQueries, kPassages);
  stir(scorer);
  EXPECT_FALSE(torch::allclose(*scorer.logits(kQueries, kPassages), before));
  EXPECT_TRUE(torch::equal(*scorer.frozen_logits(kQueries, kPassages), before));
}

TEST_F(TinyLlama, FrozenScoresHaveTheFirstWeightsAndGain) {
  Scorer scorer = make_scorer(*model_, kWays[1], every_projection(), TokenFilter::kLow, true);
  torch::NoGradGuard no_grad;
  const torch::Tensor before = *scorer.logits(kQueries, kPassages);
  for (const torch::Tensor& parameter : scorer.weight_parameters()) torch::Tensor(parameter).add_(0.5);
  EXPECT_FALSE(torch::allclose(*scorer.logits(kQueries, kPassages), before));
  EXPECT_TRUE(torch::equal(*scorer.frozen_logits(kQueries, kPassages), before));
}

TEST_F(TinyLlama, ATeacherCanBeJoinedWithTheFrozenScores) {
  Scorer scorer = make_scorer(*model_, kWays[0], every_projection());
  stir(scorer);
  TrainingBatch batch{"set", kPassages, {{"a cat", {}, {0.1f, 0.3f, 0.9f, 0.2f, 0.4f}}}, 0.7};
  const double found = batch_loss(scorer, batch, {})->value.item<double>();
  torch::NoGradGuard no_grad;
  const std::vector<std::string_view> query{"a cat"};
  const torch::Tensor wanted =
      torch::tensor(batch.queries[0].teacher) / 0.05 + (*scorer.frozen_logits(query, kPassages))[0] * 0.7;
  const torch::Tensor log_p = torch::log_softmax((*scorer.logits(query, kPassages))[0], 0);
  const torch::Tensor log_t = torch::log_softmax(wanted, 0);
  EXPECT_NEAR(found, (log_t.exp() * (log_t - log_p)).sum().item<double>(), 1e-4);
}

TEST_F(TinyLlama, KnownGradesAddToATeacher) {
  Scorer scorer = make_scorer(*model_, kWays[0], every_projection());
  torch::NoGradGuard no_grad;
  TrainingBatch batch{"set", kPassages, {{"a cat", {0, 1, 2, 0, 0}, {0.1f, 0.3f, 0.9f, 0.2f, 0.4f}}}};
  batch.bonus = 3.0;
  batch.temperature = 0.2;
  const double found = batch_loss(scorer, batch, {})->value.item<double>();
  const std::vector<std::string_view> query{"a cat"};
  const torch::Tensor wanted =
      torch::tensor(batch.queries[0].teacher) / 0.2 + torch::tensor({0.0, 1.5, 3.0, 0.0, 0.0});
  const torch::Tensor log_p = torch::log_softmax((*scorer.logits(query, kPassages))[0], 0);
  const torch::Tensor log_t = torch::log_softmax(wanted, 0);
  EXPECT_NEAR(found, (log_t.exp() * (log_t - log_p)).sum().item<double>(), 1e-4);
  // Of a query of which nothing is known the teacher says all.
  batch.queries[0].grades.clear();
  const double alone = batch_loss(scorer, batch, {})->value.item<double>();
  batch.bonus = 0.0;
  EXPECT_EQ(batch_loss(scorer, batch, {})->value.item<double>(), alone);
  EXPECT_NE(found, alone);
}

TEST_F(TinyLlama, WrongLayersAndRanksAreRefused) {
  TrainingModelOptions options;
  options.deepest_layer = 99;
  EXPECT_FALSE(TrainingModel::create(*model_, options));
  options.deepest_layer = 1;
  options.first_layer = 2;
  EXPECT_FALSE(TrainingModel::create(*model_, options));
  options.first_layer = 0;
  options.join = 2;
  EXPECT_FALSE(TrainingModel::create(*model_, options));
  options.join = 0;
  options.rank = 100000;
  const auto made = TrainingModel::create(*model_, options);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("--rank"), std::string::npos);
}

}  // namespace
}  // namespace headwise
