// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: scorers on tiny models, what the engine says of the same passages, and their gradients.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "align/graph/scorer.h"
#include "align/graph/training_model.h"
#include "headwise/reranker.h"
#include "rerank/prompt_template.h"
#include "support/paths.h"

namespace headwise {

inline const std::filesystem::path kModels = test_data() / "golden" / "models";

inline const std::vector<Passage> kPassages{
    {.id = "1", .title = "", .text = "one two three, and more of it"},
    {.id = "2", .title = "A title", .text = "some other words"},
    {.id = "3", .title = "", .text = "a cat and a dog"},
    {.id = "4", .title = "", .text = "x"},
    {.id = "5", .title = "", .text = "the last of them all is the longest one"}};
inline const std::vector<std::string_view> kQueries{"what is it?", "a cat",
                                                    "which of all these is the longest one, then?"};

struct Way {
  Encoding encoding;
  Calibration calibration;
  QueryRows rows;
};
inline const Way kWays[] = {{Encoding::kBlocks, Calibration::kRatio, QueryRows::kAll},
                            {Encoding::kBlocks, Calibration::kNa, QueryRows::kAll},
                            {Encoding::kBlocks, Calibration::kNone, QueryRows::kQuery},
                            {Encoding::kBlocks, Calibration::kNa, QueryRows::kInstructionAndQuery},
                            {Encoding::kList, Calibration::kRatio, QueryRows::kAll},
                            {Encoding::kList, Calibration::kNa, QueryRows::kQuery},
                            {Encoding::kList, Calibration::kNone, QueryRows::kAll}};

inline std::vector<HeadId> heads_of(const Model& model) {
  const auto layers = static_cast<int>(model.config().layers);
  const auto heads = static_cast<int>(model.config().heads);
  return {{layers - 1, heads - 1}, {0, 1 % heads}, {layers / 2, 0}};
}

inline Scorer make_scorer(const Model& model, const Way& way, TrainingModelOptions options,
                          TokenFilter filter = TokenFilter::kLow, bool train_weights = false) {
  const std::vector<HeadId> heads = heads_of(model);
  options.deepest_layer = static_cast<int>(model.config().layers) - 1;
  ScorerOptions scoring;
  scoring.heads.heads = heads;
  scoring.heads.weights = {1.0, 0.5, -2.0};
  scoring.heads.relevance = RelevanceFit{.bias = -1.0, .weights = {}, .data = {"others"}, .error = {}};
  scoring.calibration = way.calibration;
  scoring.filter = filter;
  scoring.train_weights = train_weights;
  scoring.rules.wording = *find_prompt_template(way.encoding == Encoding::kBlocks ? "blocks" : "default");
  scoring.rules.chat = *find_chat_format(model.tokenizer(), "");
  scoring.rules.encoding = way.encoding;
  scoring.rules.rows = way.rows;
  scoring.rules.context = model.config().context;
  return Scorer(model.tokenizer(), TrainingModel::create(model, options).value(), scoring);
}

inline std::vector<double> engine_scores(const std::shared_ptr<const Model>& model, const Way& way,
                                         std::string_view query, int join = 0) {
  RerankerOptions options;
  options.heads.kind = HeadSelection::Kind::kList;
  options.heads.list = heads_of(*model);
  options.heads.weights = {1.0, 0.5, -2.0};
  options.encoding = way.encoding;
  options.calibration = way.calibration;
  options.rows = way.rows;
  if (join > 0) {
    options.keep.memory = 1 << 20;
    options.keep.budget.split = BudgetSplit::kJoin;
    options.keep.budget.join = join;
  }
  auto reranker = Reranker::create(model, options).value();
  if (join > 0) {
    EXPECT_TRUE(reranker.keep_passages(kPassages));
  }
  std::vector<double> scores(kPassages.size());
  const Ranking ranking = reranker.rank(query, kPassages).value();
  for (const ScoredPassage& hit : ranking.passages) {
    scores[static_cast<size_t>(hit.index)] = hit.score;
  }
  return scores;
}

inline std::vector<torch::Tensor> gradients(Scorer& scorer,
                                            const std::vector<std::string_view>& queries = kQueries) {
  for (torch::Tensor& parameter : scorer.model().parameters()) parameter.mutable_grad().reset();
  const torch::Tensor logits = *scorer.logits(queries, kPassages);
  (torch::log_softmax(logits, -1).select(1, 2).sum() * -1.0).backward();
  std::vector<torch::Tensor> found;
  for (const torch::Tensor& parameter : scorer.model().parameters())
    found.push_back(parameter.grad().clone());
  return found;
}

// The same gradients to the last bit, none of them zero.
inline void expect_same_gradients(Scorer& one, Scorer& other) {
  const auto expected = gradients(one);
  const auto found = gradients(other);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(torch::equal(found[i], expected[i])) << "parameter " << i;
    EXPECT_GT(expected[i].abs().max().item<double>(), 0.0) << "parameter " << i;
  }
}

// Factors away from zero, so that every gradient is.
inline void stir(Scorer& scorer) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(5);
  for (torch::Tensor& parameter : scorer.model().parameters())
    parameter.add_(torch::randn_like(parameter) * 0.05);
}

inline TrainingModelOptions every_projection() {
  TrainingModelOptions options;
  options.targets = {LayerTensor::kQuery, LayerTensor::kKey, LayerTensor::kValue, LayerTensor::kOutput,
                     LayerTensor::kGate,  LayerTensor::kUp,  LayerTensor::kDown};
  options.rank = 2;
  options.alpha = 4.0;
  return options;
}

class TinyLlama : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = Model::load(kModels / "tiny-llama-linear", {});
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    model_ = *loaded;
  }
  std::shared_ptr<const Model> model_;
};

struct NameOfModel {
  std::string operator()(const testing::TestParamInfo<const char*>& model) const {
    std::string name = model.param;
    for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    return name;
  }
};

}  // namespace headwise
