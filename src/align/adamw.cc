// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/adamw.h"

#include <algorithm>
#include <cmath>
#include <numbers>
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
    double squares = 0.0;
    for (const Tensor& parameter : groups_[g].parameters) {
      if (parameter.grad().defined())
        squares += parameter.grad().to(torch::kFloat64).pow(2).sum().item<double>();
    }
    const double found = std::sqrt(squares);
    if (g == 0) first = found;
    if (found <= norm || norm <= 0.0) continue;
    for (Tensor& parameter : groups_[g].parameters) {
      if (parameter.grad().defined()) parameter.mutable_grad().mul_(norm / found);
    }
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
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      Tensor& parameter = group.parameters[i];
      const Tensor& gradient = parameter.grad();
      if (!gradient.defined()) continue;
      Moments& moments = moments_[g][i];
      moments.first.mul_(beta1_).add_(gradient, 1.0 - beta1_);
      moments.second.mul_(beta2_).addcmul_(gradient, gradient, 1.0 - beta2_);
      if (group.weight_decay > 0.0) parameter.mul_(1.0 - rate * group.weight_decay);
      const Tensor scale = (moments.second / correct2).sqrt_().add_(epsilon_);
      parameter.addcdiv_(moments.first, scale, -rate / correct1);
    }
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
