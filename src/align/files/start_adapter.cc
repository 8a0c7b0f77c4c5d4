// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/files/start_adapter.h"

#include <algorithm>
#include <string>

#include "model/families.h"

namespace headwise {
namespace {

using torch::Tensor;

Tensor tensor_of(const std::vector<float>& values, int64_t rows) {
  return torch::tensor(values).view({rows, -1});
}

}  // namespace

Status start_from(const Adapter& adapter, TrainingModel& model) {
  torch::NoGradGuard no_grad;
  std::vector<TrainedMatrix>& trained = model.matrices();
  for (const AdapterMatrix& start : adapter.matrices) {
    const auto matrix = std::find_if(trained.begin(), trained.end(), [&](const TrainedMatrix& own) {
      return own.layer == start.layer && own.tensor == start.tensor;
    });
    const std::string place =
        "the adapter to start from changes '" +
        stored_name(*name_of(family_of(model.config()).names, start.tensor), start.layer, false) + "'";
    const Tensor a = tensor_of(start.a, start.rank);
    const Tensor b = tensor_of(start.b, static_cast<int64_t>(start.b.size()) / start.rank);
    const int64_t most = model.options().rank;
    if (!model.options().whole_matrices && start.rank > most) {
      return fail(ErrorCode::kUsage, place + " with rank " + std::to_string(start.rank) +
                                         ": expected --rank of that or more, found " + std::to_string(most));
    }
    if (start.layer < model.options().first_layer) {
      model.keep_change(start.layer, start.tensor, a, b * start.scale);
      continue;
    }
    if (matrix == trained.end()) {
      return fail(ErrorCode::kUsage,
                  place + ", which is not trained: see --train, --first-layer and --heads");
    }
    if (!matrix->b.defined()) {
      matrix->a.copy_(torch::matmul(b, a) * start.scale);
      continue;
    }
    matrix->a.slice(0, 0, start.rank).copy_(a);
    matrix->b.slice(1, 0, start.rank).copy_(b * (start.scale / model.scale()));
  }
  return {};
}

}  // namespace headwise
