// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: everything a stopped training needs to go on as if it had not been stopped, in one
// safetensors file that is replaced whole: parameters, both moments of AdamW, the best parameters so far,
// their running mean, and where the log stood.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct TrainingState {
  std::string settings;  // what must be the same for the run to go on
  int64_t updates = 0;   // done
  int64_t optimiser_steps = 0;
  int64_t log_bytes = 0;          // of the log that belong to these updates
  double best = -1.0;             // held-out figure
  int64_t best_update = -1;       // -1: none yet
  int64_t evaluations_since = 0;  // since the best one
};

// The lists are written, and filled in place, in their order.
struct TrainingTensors {
  std::vector<torch::Tensor> parameters;
  std::vector<torch::Tensor> moments;
  std::vector<torch::Tensor> best;  // as many as parameters
  std::vector<torch::Tensor> mean;  // likewise, or none
};

Status write_checkpoint(const std::filesystem::path& path, const TrainingState& state,
                        const TrainingTensors& tensors);
// kInvalidInput for a damaged file or other shapes; kUsage when it was made with other settings: says which
// member differs.
Result<TrainingState> read_checkpoint(const std::filesystem::path& path, const std::string& settings,
                                      TrainingTensors& tensors);

}  // namespace headwise
