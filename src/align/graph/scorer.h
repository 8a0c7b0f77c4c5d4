// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the logits l that every loss is written on: the heads' values of training_model.h,
// weighted and summed, for each query of a batch. With `none` l = g log(sum + 1e-9), with `na` and `ratio` l
// = g times the weighted sum (docs/method.md#logits; `na`'s sums may be negative). The gain g and, if
// asked for, the heads' weights are trained with the model; both end up in the head set.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "align/data/batches.h"
#include "align/graph/training_model.h"
#include "headwise/head_set.h"
#include "rerank/prompt_builder.h"

namespace headwise {

struct ScorerOptions {
  HeadSet heads;  // with the weights to start from; how they are read is in the fields below
  PromptRules rules;
  Calibration calibration = Calibration::kRatio;
  TokenFilter filter = TokenFilter::kLow;
  double gain = 1.0;
  bool train_weights = false;  // the heads' own
};

class Scorer {
 public:
  Scorer(const Tokenizer& tokenizer, TrainingModel model, ScorerOptions options);

  // [Q, P] in fp32; `order[i]` is the place of the i-th passage of the prompt. Errors as build_prompt.
  Result<torch::Tensor> logits(std::span<const std::string_view> queries, std::span<const Passage> passages,
                               std::span<const int> order) const;
  // In the order given.
  Result<torch::Tensor> logits(std::span<const std::string_view> queries,
                               std::span<const Passage> passages) const;
  // What the same prompt gives without any trained change: matrices, weights and gain as at the start.
  Result<torch::Tensor> frozen_logits(std::span<const std::string_view> queries,
                                      std::span<const Passage> passages);

  TrainingModel& model() { return model_; }
  const TrainingModel& model() const { return model_; }
  const ScorerOptions& options() const { return options_; }
  // Log of the gain [1] and, where weights are trained, a factor a head [heads].
  const std::vector<torch::Tensor>& weight_parameters() const { return weight_parameters_; }
  // The head set with weights as trained.
  HeadSet trained_heads() const;
  int64_t last_tokens() const { return last_tokens_; }

 private:
  torch::Tensor weights() const;
  torch::Tensor gain() const;

  const Tokenizer& tokenizer_;
  TrainingModel model_;
  ScorerOptions options_;
  torch::Tensor base_weights_;  // [heads]
  std::vector<torch::Tensor> weight_parameters_;
  mutable int64_t last_tokens_ = 0;
};

}  // namespace headwise
