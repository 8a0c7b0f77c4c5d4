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

#include "base/threads.h"
#include "decoder/cpu/pass_plan.h"
#include "kernels/linear.h"
#include "model/weights.h"

namespace headwise {

struct Product;
struct WorkerScratch;

// Norms and biases of a layer by LayerTensor; empty where the model has none. Biases of q and k are in our
// rotary order.
struct LayerVectors {
  std::array<std::vector<float>, kLayerTensors> values;

  const std::vector<float>& of(LayerTensor tensor) const { return values[static_cast<size_t>(tensor)]; }
  void read(const ModelWeights& weights, int64_t layer);
};

// One layer ready to multiply. q, k and v are cut into a panel per head, so that a pass that reads three
// heads of the deepest layer runs the very same products as one that runs the layer whole.
struct PackedLayer {
  using Panels = std::vector<kernels::PackedLinear>;
  Panels query;                  // H panels [D, C]
  Panels key;                    // K panels [D, C]
  Panels value;                  // K panels [D, C]
  kernels::PackedLinear output;  // [C, H*D]
  kernels::PackedLinear gate;    // [F, C]
  kernels::PackedLinear up;      // [F, C]
  kernels::PackedLinear down;    // [C, F]
  LayerVectors vectors;

  // Of every matrix packed so far: kernels/linear.h.
  bool any_rows() const;
  bool any_columns() const;  // of those that are not cut by heads
  const kernels::PackedLinear& of(const Product& product) const;
};

// A form of ModelWeights (ModelWeights::form).
class PackedLayers {
 public:
  explicit PackedLayers(const ModelWeights& weights);

  // The kept layer, or what was asked of it made in `scratch`. `workers` has one entry per worker of `pool`.
  const PackedLayer& layer(int64_t index, const LayerDemand& demand, ThreadPool& pool,
                           std::span<WorkerScratch> workers, PackedLayer& scratch);

 private:
  struct KeptLayer {
    std::once_flag once;
    PackedLayer packed;
  };
  const ModelWeights& weights_;
  std::vector<std::unique_ptr<KeptLayer>> kept_;
};

}  // namespace headwise
