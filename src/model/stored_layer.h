// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tensors of one layer found in a file, by a family's names, and checked against the
// shapes that the model promises. Nothing is read but names and shapes; values stay where the file has them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/tensor.h"
#include "formats/tensor_file.h"
#include "headwise/error.h"
#include "headwise/model_config.h"
#include "model/tensor_names.h"

namespace headwise {

// A tensor that the file holds together with others is a view of its rows. Matrices of experts stand below
// each other: [E M, C], [E C, M]; where the file has each by itself, `experts` are those, and `data` is the
// first one's.
struct StoredTensor : TensorView {
  std::vector<TensorView> experts;
};

// By LayerTensor; data is null where the layer has none.
using StoredLayer = std::array<StoredTensor, kLayerTensors>;

struct LayerPlace {
  int64_t layer = 0;
  bool gguf = false;  // whose names
};

// kInvalidInput for a tensor that is missing or of another shape, kUnsupported for one that `layer` does not
// speak of, or a vector in a type of blocks; each names the tensor, expected and found.
Result<StoredLayer> find_layer(const TensorFile& file, TensorNames names, const LayerPlace& place,
                               const LayerSpec& layer, const ModelConfig& config);

// A tensor outside the layers.
Result<TensorView> find_tensor(const TensorFile& file, const ModelTensorName& name, bool gguf,
                               const ModelConfig& config);

}  // namespace headwise
