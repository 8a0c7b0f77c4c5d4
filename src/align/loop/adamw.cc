// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/adamw.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace headwise {

using torch::Tensor;

AdamW::AdamW(std::vector<AdamWGroup> groups, double beta1, double beta2, double epsilon)
    : groups_(std::move(groups)), beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {
  for (const AdamWGroup& group : groups_) {
    std::vector<Moments>& moments = moments_.emplace_back();
    for (const Tensor& parameter : group.parameters) {
      moments.push_back({torch::zeros_like(parameter), torch::zeros_like(parameter)});
    }
  }
}

void AdamW::zero_gradients() {
  for (AdamWGroup& group : groups_) {
    for (Tensor& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

double AdamW::clip(double norm) {
  double first = 0.0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    std::vector<Tensor> gradients;
    std::vector<Tensor> squares;
    for (const Tensor& parameter : groups_[g].parameters) {
      if (!parameter.grad().defined()) continue;
      gradients.push_back(parameter.grad());
      squares.push_back(parameter.grad().to(torch::kFloat64).pow(2).sum());
    }
    if (gradients.empty()) continue;
    // One look at the device for all of them.
    const Tensor each = torch::stack(squares).to(torch::kCPU);
    const double* values = each.data_ptr<double>();
    const double found = std::sqrt(std::accumulate(values, values + each.numel(), 0.0));
    if (g == 0) first = found;
    if (found <= norm || norm <= 0.0) continue;
    at::_foreach_mul_(gradients, norm / found);
  }
  return first;
}

void AdamW::step(double factor) {
  torch::NoGradGuard no_grad;
  ++steps_;
  const double correct1 = 1.0 - std::pow(beta1_, static_cast<double>(steps_));
  const double correct2 = 1.0 - std::pow(beta2_, static_cast<double>(steps_));
  for (size_t g = 0; g < groups_.size(); ++g) {
    AdamWGroup& group = groups_[g];
    const double rate = group.learning_rate * factor;
    // Lists of tensors: on a GPU one launch each instead of hundreds.
    std::vector<Tensor> parameters, gradients, first, second;
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      if (!group.parameters[i].grad().defined()) continue;
      parameters.push_back(group.parameters[i]);
      gradients.push_back(group.parameters[i].grad());
      first.push_back(moments_[g][i].first);
      second.push_back(moments_[g][i].second);
    }
    if (parameters.empty()) continue;
    at::_foreach_mul_(first, beta1_);
    at::_foreach_add_(first, gradients, 1.0 - beta1_);
    at::_foreach_mul_(second, beta2_);
    at::_foreach_addcmul_(second, gradients, gradients, 1.0 - beta2_);
    if (group.weight_decay > 0.0) at::_foreach_mul_(parameters, 1.0 - rate * group.weight_decay);
    std::vector<Tensor> scale = at::_foreach_div(second, correct2);
    at::_foreach_sqrt_(scale);
    at::_foreach_add_(scale, epsilon_);
    at::_foreach_addcdiv_(parameters, first, scale, -rate / correct1);
  }
}

std::vector<Tensor> AdamW::moments() const {
  std::vector<Tensor> all;
  for (const std::vector<Moments>& group : moments_) {
    for (const Moments& moments : group) {
      all.push_back(moments.first);
      all.push_back(moments.second);
    }
  }
  return all;
}

double learning_rate_share(int64_t step, int64_t steps, int64_t warm_up, double floor) {
  if (step < warm_up) return static_cast<double>(step + 1) / static_cast<double>(warm_up);
  const auto left = static_cast<double>(std::max<int64_t>(1, steps - warm_up));
  const double done = std::min(1.0, static_cast<double>(step - warm_up) / left);
  return floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

}  // namespace headwise
