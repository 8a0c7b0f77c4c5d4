// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what workers tell each other of an update, and how they begin alike.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "align/graph/running_mean.h"
#include "align/loop/workers.h"
#include "headwise/error.h"

namespace headwise {

// Beside the gradients. With one worker these are its own.
struct UpdateSums {
  RunningMean loss, pair, regulariser, divergence, margin, rank_correlation;
  double tokens = 0.0;
  double stops = 0.0;  // it was asked to stop,
  double fails = 0.0;  // or cannot go on
  std::array<double*, 15> numbers() {
    return {&loss.sum,
            &loss.count,
            &pair.sum,
            &pair.count,
            &regulariser.sum,
            &regulariser.count,
            &divergence.sum,
            &divergence.count,
            &margin.sum,
            &margin.count,
            &rank_correlation.sum,
            &rank_correlation.count,
            &tokens,
            &stops,
            &fails};
  }
};

// Gradients of `parameters` and sums of all workers, in every one of them.
Status add_up(TrainingWorkers& workers, const std::vector<torch::Tensor>& parameters, UpdateSums& sums);

// Rank 0's, in every worker: numbers and tensors alike.
Status share_counts(TrainingWorkers& workers, std::array<int64_t, 2>& counts);
Status share_tensors(TrainingWorkers& workers, const std::vector<torch::Tensor>& tensors);
// Whether every worker's text is rank 0's.
Result<bool> all_have(TrainingWorkers& workers, const std::string& text);

}  // namespace headwise
