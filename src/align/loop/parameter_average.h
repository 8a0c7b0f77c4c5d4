// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a running mean of what is trained (Polyak averaging with a decay). Batches are few and
// noisy, and a learning rate that still moves anything keeps parameters on the way around what they are
// after: their mean is nearer to it, at any update, as the end of a training with the rate gone down is.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace headwise {

// mean += (1 - d) (parameters - mean), in place, after the update of this number (from 1). d is `decay`, but
// less at first, (1 + update) / (10 + update), so that the start is soon forgotten.
void fold_into_mean(std::vector<torch::Tensor>& mean, const std::vector<torch::Tensor>& parameters,
                    double decay, int64_t update);

// Puts other values in the parameters' place for as long as it lives.
class InPlaceOf {
 public:
  // Nothing is done for an empty list of values.
  InPlaceOf(const std::vector<torch::Tensor>& parameters, const std::vector<torch::Tensor>& values);
  ~InPlaceOf();
  InPlaceOf(const InPlaceOf&) = delete;
  InPlaceOf& operator=(const InPlaceOf&) = delete;

 private:
  const std::vector<torch::Tensor>& parameters_;
  std::vector<torch::Tensor> own_;
};

// Copies of their values, which no gradient reaches; and back.
std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& tensors);
void copy_into(const std::vector<torch::Tensor>& from, const std::vector<torch::Tensor>& to);

}  // namespace headwise
