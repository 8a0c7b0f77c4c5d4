// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/loop/update_sums.h"

#include <cstring>

#include "align/graph/tensor_values.h"
#include "base/check.h"

namespace headwise {

using torch::Tensor;

Status add_up(TrainingWorkers& workers, const std::vector<Tensor>& parameters, UpdateSums& sums) {
  if (workers.count() == 1) return {};
  std::vector<float> values;
  for (const double* number : sums.numbers()) values.push_back(static_cast<float>(*number));
  for (const Tensor& parameter : parameters) {
    const Tensor gradient = parameter.grad();
    values.push_back(gradient.defined() ? 1.0f : 0.0f);
    const std::vector<float> own = gradient.defined()
                                       ? float_values(gradient)
                                       : std::vector<float>(static_cast<size_t>(parameter.numel()), 0.0f);
    values.insert(values.end(), own.begin(), own.end());
  }
  HW_RETURN_IF_ERROR(workers.add_up(values));
  const float* next = values.data();
  for (double* number : sums.numbers()) *number = *next++;
  for (const Tensor& parameter : parameters) {
    const bool has_gradient = *next++ > 0.0f;
    const Tensor sum = torch::from_blob(const_cast<float*>(next), parameter.sizes(), torch::kFloat32);
    if (has_gradient) parameter.mutable_grad() = sum.to(parameter.device()).clone();
    next += parameter.numel();
  }
  return {};
}

Status share_counts(TrainingWorkers& workers, std::array<int64_t, 2>& counts) {
  std::string bytes(sizeof counts, '\0');
  std::memcpy(bytes.data(), counts.data(), bytes.size());
  HW_RETURN_IF_ERROR(workers.share(bytes));
  std::memcpy(counts.data(), bytes.data(), bytes.size());
  return {};
}

Status share_tensors(TrainingWorkers& workers, const std::vector<Tensor>& tensors) {
  torch::NoGradGuard no_grad;
  for (const Tensor& tensor : tensors) {
    std::vector<float> values = float_values(tensor);
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    HW_RETURN_IF_ERROR(workers.share(bytes));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    tensor.copy_(torch::tensor(values).view(tensor.sizes()));
  }
  return {};
}

Result<bool> all_have(TrainingWorkers& workers, const std::string& text) {
  std::string lead = text;
  HW_RETURN_IF_ERROR(workers.share(lead));
  std::vector<float> others{lead == text ? 0.0f : 1.0f};
  HW_RETURN_IF_ERROR(workers.add_up(others));
  return others.front() == 0.0f;
}

}  // namespace headwise
