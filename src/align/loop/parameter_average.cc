// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/parameter_average.h"

#include <algorithm>

namespace headwise {

using torch::Tensor;

std::vector<Tensor> copies(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copied;
  for (const Tensor& tensor : tensors) copied.push_back(tensor.detach().clone());
  return copied;
}

void copy_into(const std::vector<Tensor>& from, const std::vector<Tensor>& to) {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
}

void fold_into_mean(std::vector<Tensor>& mean, const std::vector<Tensor>& parameters, double decay,
                    int64_t update) {
  torch::NoGradGuard no_grad;
  const auto updates = static_cast<double>(update);
  const double share = 1.0 - std::min(decay, (1.0 + updates) / (10.0 + updates));
  for (size_t i = 0; i < mean.size(); ++i) mean[i].add_(parameters[i] - mean[i], share);
}

InPlaceOf::InPlaceOf(const std::vector<Tensor>& parameters, const std::vector<Tensor>& values)
    : parameters_(parameters) {
  if (values.empty()) return;
  own_ = copies(parameters);
  copy_into(values, parameters);
}

InPlaceOf::~InPlaceOf() { copy_into(own_, parameters_); }

}  // namespace headwise
