// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a tensor's values as plain floats.
#pragma once

#include <torch/torch.h>

#include <vector>

namespace headwise {

// In row-major order, wherever the tensor lies.
inline std::vector<float> float_values(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU).to(torch::kFloat32).contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

}  // namespace headwise
