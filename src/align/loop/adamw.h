// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over a fixed list of tensors, with
// its state in the open, so that a checkpoint holds all of it and a run that goes on is the run that was not
// stopped.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace headwise {

struct AdamWGroup {
  std::vector<torch::Tensor> parameters;
  double learning_rate = 1e-4;
  double weight_decay = 0.0;
};

class AdamW {
 public:
  AdamW(std::vector<AdamWGroup> groups, double beta1, double beta2, double epsilon = 1e-8);

  void zero_gradients();
  // Scales the gradients of each group so that their norm is at most this; the norm of the first group before
  // that.
  double clip(double norm);
  // One step with the learning rates times `factor`. A parameter without a gradient is left alone.
  void step(double factor);

  int64_t steps() const { return steps_; }
  // First and second moments of every parameter, in order: what a checkpoint saves and restores in place.
  std::vector<torch::Tensor> moments() const;
  void restore(int64_t steps) { steps_ = steps; }

 private:
  struct Moments {
    torch::Tensor first;
    torch::Tensor second;
  };
  std::vector<AdamWGroup> groups_;
  std::vector<std::vector<Moments>> moments_;
  double beta1_;
  double beta2_;
  double epsilon_;
  int64_t steps_ = 0;
};

// Share of the learning rate at update `step` (from 0) of `steps`: linear over the first `warm_up` updates,
// then half a cosine down to `floor`.
double learning_rate_share(int64_t step, int64_t steps, int64_t warm_up, double floor);

}  // namespace headwise
