// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Rows that see no passages before a layer (--join), and layers below the first trained one whose change
// stays.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "align/graph/scorer.h"
#include "align/graph/training_model.h"
#include "support/tolerance.h"
#include "tiny_scorers.h"

namespace headwise {
namespace {

class JoinedModel : public testing::TestWithParam<const char*> {};
class Joined : public TinyLlama {};

TEST_P(JoinedModel, AJoinIsTheKeptPassages) {
  const auto model = Model::load(kModels / GetParam(), {});
  ASSERT_TRUE(model) << model.error().to_string();
  torch::NoGradGuard no_grad;
  for (const Way& way : kWays) {
    if (way.encoding != Encoding::kBlocks || way.calibration == Calibration::kNone) continue;
    TrainingModelOptions options;
    options.join = 1;
    const torch::Tensor logits = *make_scorer(**model, way, options).logits(kQueries, kPassages);
    const torch::Tensor plain = *make_scorer(**model, way, {}).logits(kQueries, kPassages);
    EXPECT_FALSE(torch::allclose(logits, plain));
    for (size_t q = 0; q < kQueries.size(); ++q) {
      const std::vector<double> expected = engine_scores(*model, way, kQueries[q], options.join);
      double most = 0.0;
      for (const double score : expected) most = std::max(most, std::abs(score));
      for (size_t p = 0; p < kPassages.size(); ++p) {
        EXPECT_NEAR(logits[static_cast<int64_t>(q)][static_cast<int64_t>(p)].item<double>(), expected[p],
                    tolerance("torch", "fp32").score * std::max(1e-3, most))
            << "query " << q << ", passage " << p;
      }
    }
  }
}

TEST_F(Joined, AJoinIsTrainedAsAnyOther) {
  TrainingModelOptions options = every_projection();
  options.join = 1;
  Scorer plain = make_scorer(*model_, kWays[1], options);
  options.checkpoint = true;
  Scorer checkpointed = make_scorer(*model_, kWays[1], options);
  stir(plain);
  stir(checkpointed);
  expect_same_gradients(plain, checkpointed);
}

TEST_F(Joined, TheTrainedSetSaysHowItIsReadAndHasNoRelevanceOfTheOneBefore) {
  TrainingModelOptions options = every_projection();
  options.join = 1;
  const HeadSet trained = make_scorer(*model_, kWays[1], options).trained_heads();
  EXPECT_EQ(trained.keep_budget, "1,split=join:1");
  EXPECT_EQ(trained.weights, (std::vector<double>{1.0, 0.5, -2.0}));
  EXPECT_FALSE(trained.relevance) << "it was fitted to other scores";
}

TEST_F(Joined, AChangeBelowTheTrainedLayersStays) {
  TrainingModelOptions options = every_projection();
  Scorer whole = make_scorer(*model_, kWays[1], options);
  stir(whole);
  torch::NoGradGuard no_grad;
  const torch::Tensor expected = *whole.logits(kQueries, kPassages);
  options.first_layer = 1;
  options.rank = 3;
  options.alpha = 6.0;
  Scorer upper = make_scorer(*model_, kWays[1], options);
  const size_t before = upper.model().parameters().size();
  for (const TrainedMatrix& own : whole.model().matrices()) {
    if (own.layer < 1) upper.model().keep_change(own.layer, own.tensor, own.a, own.b * whole.model().scale());
  }
  EXPECT_EQ(upper.model().parameters().size(), before) << "none of them is trained";
  EXPECT_EQ(upper.model().matrices().size(), whole.model().matrices().size());
  for (TrainedMatrix& own : upper.model().matrices()) {
    for (const TrainedMatrix& theirs : whole.model().matrices()) {
      if (own.fixed || theirs.layer != own.layer || theirs.tensor != own.tensor) continue;
      own.a.slice(0, 0, 2).copy_(theirs.a);
      own.b.slice(1, 0, 2).copy_(theirs.b);
    }
  }
  EXPECT_TRUE(torch::allclose(*upper.logits(kQueries, kPassages), expected, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(*upper.frozen_logits(kQueries, kPassages),
                              *whole.frozen_logits(kQueries, kPassages), 1e-4, 1e-5));
}

TEST_F(Joined, ATrunkIsKeptForEachChangeOfIt) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("headwise_changed_trunk_" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  TrainingModelOptions options = every_projection();
  options.first_layer = 1;
  options.trunk_cache = folder;
  torch::NoGradGuard no_grad;
  Scorer scorer = make_scorer(*model_, kWays[1], options);
  const torch::Tensor before = *scorer.logits(kQueries, kPassages);
  const int64_t width = model_->config().width;
  scorer.model().keep_change(0, LayerTensor::kOutput, torch::ones({1, width}) * 0.1,
                             torch::ones({width, 1}) * 0.1);
  const torch::Tensor changed = *scorer.logits(kQueries, kPassages);
  EXPECT_FALSE(torch::allclose(changed, before));
  EXPECT_TRUE(torch::equal(*scorer.frozen_logits(kQueries, kPassages), before));
  EXPECT_EQ(scorer.model().trunk_cache()->found(), 1);
  EXPECT_TRUE(torch::equal(*scorer.logits(kQueries, kPassages), changed));
  EXPECT_EQ(scorer.model().trunk_cache()->found(), 2);
  std::filesystem::remove_all(folder);
}

// Below a join a passage is the same whatever stands beside it: each runs once, in whichever prompt.
TEST_F(Joined, ATrunkIsKeptPassageByPassage) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("headwise_passages_trunk_" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  for (const Way& way : {kWays[0], kWays[1], kWays[3]}) {
    TrainingModelOptions options = every_projection();
    options.first_layer = options.join = 1;
    Scorer plain = make_scorer(*model_, way, options);
    options.trunk_cache = folder;
    Scorer kept = make_scorer(*model_, way, options);
    stir(plain);
    stir(kept);
    const TrunkCache& cache = *kept.model().trunk_cache();
    const auto count = static_cast<int64_t>(kPassages.size());
    const auto expected = gradients(plain);
    const auto first = gradients(kept);
    EXPECT_EQ(cache.missed() + cache.found(), count);
    const auto second = gradients(kept);
    EXPECT_EQ(cache.missed() + cache.found(), 2 * count);
    EXPECT_GE(cache.found(), count);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(torch::allclose(first[i], expected[i], 1e-4, 1e-6)) << "parameter " << i;
      EXPECT_TRUE(torch::equal(second[i], first[i])) << "parameter " << i << ", run or kept: the same bits";
    }
    // Other company, other order, other queries.
    torch::NoGradGuard no_grad;
    const std::vector<Passage> others{kPassages[4], {.id = "6", .title = "", .text = "new"}, kPassages[1]};
    const std::vector<std::string_view> query{"a new query"};
    const int64_t missed = cache.missed();
    EXPECT_TRUE(torch::allclose(*kept.logits(query, others), *plain.logits(query, others), 1e-4, 1e-6));
    EXPECT_EQ(cache.missed(), missed + 1);
    EXPECT_FALSE(cache.first_error());
    std::filesystem::remove_all(folder);
  }
}

// What runs by itself is the layer that all others run.
TEST_P(JoinedModel, AKeptTrunkReadsAsOneThatRuns) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("headwise_trunk_of_families_" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  const auto model = Model::load(kModels / GetParam(), {});
  ASSERT_TRUE(model) << model.error().to_string();
  torch::NoGradGuard no_grad;
  TrainingModelOptions options;
  options.first_layer = options.join = 1;
  const torch::Tensor expected = *make_scorer(**model, kWays[1], options).logits(kQueries, kPassages);
  options.trunk_cache = folder;
  const Scorer kept = make_scorer(**model, kWays[1], options);
  const double most = expected.abs().max().item<double>();
  for (int run = 0; run < 2; ++run) {
    EXPECT_TRUE(torch::allclose(*kept.logits(kQueries, kPassages), expected, 1e-4, 1e-4 * most)) << run;
  }
  EXPECT_EQ(kept.model().trunk_cache()->found(), static_cast<int64_t>(kPassages.size()));
  std::filesystem::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Tiny, JoinedModel,
                         testing::Values("tiny-llama", "tiny-llama-linear-f32.gguf", "tiny-llama-llama3",
                                         "tiny-llama-yarn", "tiny-mistral", "tiny-qwen2", "tiny-qwen3",
                                         "tiny-olmo2", "tiny-smollm3", "tiny-granite"),
                         NameOfModel());

}  // namespace
}  // namespace headwise
