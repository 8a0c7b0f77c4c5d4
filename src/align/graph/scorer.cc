// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/graph/scorer.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace headwise {

using torch::Tensor;

namespace {

constexpr double kSumFloor = 1e-9;  // docs/method.md#logits

}  // namespace

Scorer::Scorer(const Tokenizer& tokenizer, TrainingModel model, ScorerOptions options)
    : tokenizer_(tokenizer), model_(std::move(model)), options_(std::move(options)) {
  const size_t heads = options_.heads.heads.size();
  std::vector<double> weights = options_.heads.weights;
  if (weights.empty())
    weights.assign(heads,
                   options_.calibration == Calibration::kRatio ? 1.0 / static_cast<double>(heads) : 1.0);
  const torch::Device device = model_.options().device;
  base_weights_ = torch::tensor(weights, torch::kFloat64).to(torch::kFloat32).to(device);
  weight_parameters_.push_back(
      torch::full({1}, std::log(options_.gain), torch::kFloat32).to(device).requires_grad_(true));
  if (options_.train_weights) {
    weight_parameters_.push_back(torch::ones({static_cast<int64_t>(heads)}).to(device).requires_grad_(true));
  }
  options_.rules.content_free = options_.calibration != Calibration::kNone;
}

Tensor Scorer::weights() const {
  return options_.train_weights && !model_.frozen() ? base_weights_ * weight_parameters_[1] : base_weights_;
}

Tensor Scorer::gain() const {
  return model_.frozen() ? torch::full_like(weight_parameters_[0], options_.gain)
                         : weight_parameters_[0].exp();
}

Result<Tensor> Scorer::logits(std::span<const std::string_view> queries, std::span<const Passage> passages,
                              std::span<const int> order) const {
  const auto prompt = build_prompt(tokenizer_, options_.rules, queries, passages, order);
  HW_RETURN_IF_ERROR(prompt);
  last_tokens_ = prompt->layout.tokens();
  const PromptTensors tensors = prompt_tensors(*prompt, model_.options().device);
  const Tensor values = model_.head_values(tensors, options_.heads.heads, options_.calibration,
                                           options_.filter);  // [Q, heads, P]
  const Tensor sums = (values * weights().view({1, -1, 1})).sum(1);
  return gain() * (options_.calibration == Calibration::kNone ? torch::log(sums + kSumFloor) : sums);
}

Result<Tensor> Scorer::logits(std::span<const std::string_view> queries,
                              std::span<const Passage> passages) const {
  std::vector<int> order(passages.size());
  std::iota(order.begin(), order.end(), 0);
  return logits(queries, passages, order);
}

Result<Tensor> Scorer::frozen_logits(std::span<const std::string_view> queries,
                                     std::span<const Passage> passages) {
  torch::NoGradGuard no_grad;
  model_.set_frozen(true);
  auto found = logits(queries, passages);
  model_.set_frozen(false);
  return found;
}

HeadSet Scorer::trained_heads() const {
  HeadSet set = options_.heads;
  // The gain is a matter of the loss, but for the sum's share in a fused score it is none: z-scores take it
  // out. It is kept in the weights, so that scores are the logits that were trained.
  const double factor = options_.calibration == Calibration::kNone ? 1.0 : gain().item<double>();
  const Tensor trained = (weights().detach().to(torch::kCPU).to(torch::kFloat64) * factor).contiguous();
  const int join = model_.options().join;
  set.keep_budget =
      join > 0 ? to_string(KeepBudget{.split = BudgetSplit::kJoin, .join = join}) : std::string();
  set.relevance.reset();  // fitted to other scores
  set.weights.assign(trained.data_ptr<double>(), trained.data_ptr<double>() + trained.numel());
  return set;
}

}  // namespace headwise
