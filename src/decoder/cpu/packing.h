// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the fp32 packed form of a model's layers, which the products of many rows read: made
// once and kept (ModelOptions::Weights::kFloat32), or made layer by layer in each pass (kStored).
//
// Thread rule: any number of passes at once; a kept layer is made once, under a lock.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/threads.h"
#include "kernels/gemm.h"
#include "model/weights.h"

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

// A form of ModelWeights (ModelWeights::form).
class PackedLayers {
 public:
  explicit PackedLayers(const ModelWeights& weights);

  // The kept layer, or what was asked of it made in `scratch`. `packers` has one entry per worker of `pool`.
  const PackedLayer& layer(int64_t index, const LayerDemand& demand, ThreadPool& pool,
                           std::span<Packer> packers, PackedLayer& scratch);

 private:
  struct KeptLayer {
    std::once_flag once;
    PackedLayer packed;
  };
  const ModelWeights& weights_;
  std::vector<std::unique_ptr<KeptLayer>> kept_;
};

}  // namespace headwise
