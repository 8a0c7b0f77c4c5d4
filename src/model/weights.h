// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a model's stored tensors, found and checked, and their fp32 packed form, one layer at a
// time. What it is not: the forward pass (decoder.h).
//
// Thread rule: immutable but for the cache of packed layers, which is filled once per layer under a lock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/tensor.h"
#include "base/threads.h"
#include "formats/tensor_file.h"
#include "headwise/model.h"
#include "kernels/gemm.h"
#include "model/adapter.h"
#include "model/layer_spec.h"
#include "model/tensor_names.h"

namespace headwise {

// One layer ready to multiply. q, k and v are cut into a panel per head, so that a pass that reads three
// heads of the deepest layer runs the very same products as one that runs the layer whole.
struct PackedLayer {
  using Panels = std::vector<kernels::PackedMatrix>;
  Panels query;                  // H panels [D, C]
  Panels key;                    // K panels [D, C]
  Panels value;                  // K panels [D, C]
  kernels::PackedMatrix output;  // [C, H*D]
  kernels::PackedMatrix gate;    // [F, C]
  kernels::PackedMatrix up;      // [F, C]
  kernels::PackedMatrix down;    // [C, F]
  // Vectors by LayerTensor; empty where the model has none. Biases of q and k are in our rotary order.
  std::array<std::vector<float>, kLayerTensors> vectors;

  const std::vector<float>& vector(LayerTensor tensor) const { return vectors[static_cast<size_t>(tensor)]; }
  size_t bytes() const;
  // Of every matrix packed so far: kernels/gemm.h.
  bool any_rows() const;
};

// What a worker needs to pack weights; kept between layers so that memory does not break up.
struct Packer {
  kernels::Gemm gemm;
  AlignedBuffer<float> rows;
};

// Which part of a layer a pass needs.
struct LayerDemand {
  bool whole = true;
  // Only with whole == false (the deepest layer): these query heads and kv heads, no values, no output, no
  // MLP.
  std::vector<int> query_heads;
  std::vector<int> key_heads;
};

// What an adapter changes of a layer, by LayerTensor; null where it does not.
using LayerChanges = std::array<const AdapterMatrix*, kLayerTensors>;

struct ModelWeights {
  std::unique_ptr<TensorFile> file;
  ModelConfig config;
  ModelSpec spec;  // what each layer computes
  ModelOptions options;
  TensorView embedding;                                       // [V, C]
  std::vector<std::array<TensorView, kLayerTensors>> layers;  // data == nullptr where absent

  // Finds every tensor that the config promises and checks its shape. kInvalidInput or kUnsupported names the
  // tensor, expected and found.
  static Result<std::unique_ptr<ModelWeights>> create(std::unique_ptr<TensorFile> file,
                                                      const ModelConfig& config, bool gguf,
                                                      const ModelOptions& options);

  // From now on W + scale * B A, in fp32, stands in the place of every matrix that the adapter changes. The
  // sum is made where a matrix is made fp32 anyway, so that stored weights stay as small as they are. Once,
  // before the first pass.
  void adapt(Adapter adapter);

  // Writes the embedding of token `id` (0 <= id < V) as fp32 [C].
  void embed(int32_t id, float* out) const;

  // A tensor of a layer as fp32, the rows of q and k in the order of transformers; empty where the model has
  // none.
  std::vector<float> values(int64_t layer, LayerTensor tensor) const;

  // Rows [first, first + rows) of a matrix as it is stored, as fp32, in the order of transformers; what an
  // adapter adds is change()'s.
  void stored_rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t rows, float* out) const;
  // What an adapter adds to a matrix; null where it adds nothing.
  const AdapterMatrix* change(int64_t layer, LayerTensor tensor) const {
    return changes_[static_cast<size_t>(layer)][static_cast<size_t>(tensor)];
  }
  // Columns of a matrix.
  int64_t inputs(int64_t layer, LayerTensor matrix) const {
    return layers[static_cast<size_t>(layer)][static_cast<size_t>(matrix)].shape[1];
  }

  // The layer in fp32: from the cache (kFloat32, made at first use) or made in `scratch` for this pass
  // (kStored). `gemms` has one entry per worker of `pool`.
  const PackedLayer& layer(int64_t index, const LayerDemand& demand, ThreadPool& pool,
                           std::span<Packer> packers, PackedLayer& scratch) const;

  // Hash over shape and a sample of the stored values (as fp32): part of the model's fingerprint.
  uint64_t hash() const;

 private:
  Adapter adapter_;
  std::vector<LayerChanges> changes_;  // for each layer; into adapter_
  struct CachedLayer {
    std::once_flag once;
    PackedLayer packed;
  };
  mutable std::vector<std::unique_ptr<CachedLayer>> cache_;
};

}  // namespace headwise
