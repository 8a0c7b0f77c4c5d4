// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the packed form of a model's layers, which the products of many rows read: made once and
// kept (smaller numbers than fp32, or ModelOptions::Weights::kFloat32), or made layer by layer in each pass
// (kStored), and of experts one by one, so that no more of them are fp32 at once than there are threads.
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
  const std::vector<float>& bias_of(LayerTensor matrix) const;
  void read(const ModelWeights& weights, int64_t layer);
};

struct PackedExpert {
  kernels::PackedLinear gate;  // [M, C]
  kernels::PackedLinear up;    // [M, C]
  kernels::PackedLinear down;  // [C, M]
};

// One layer ready to multiply. q, k and v are cut by heads, so that a pass packs those alone that it reads of
// the deepest layer.
struct PackedLayer {
  using Heads = std::vector<kernels::PackedLinear>;
  Heads query;                   // H of [D, C]
  Heads key;                     // K of [D, C]
  Heads value;                   // K of [D, C]
  kernels::PackedLinear output;  // [C, H*D]
  kernels::PackedLinear gate;    // [F, C]
  kernels::PackedLinear up;      // [F, C]
  kernels::PackedLinear down;    // [C, F]
  // Of a layer with experts in the place of gate, up and down. The router is fp32 in every precision.
  kernels::PackedLinear router;       // [E, C]
  std::vector<PackedExpert> experts;  // none where each is packed when its rows come
  LayerVectors vectors;

  const kernels::PackedLinear& of(const Product& product) const;
};

// What packing works with. `workers` has one entry per worker of `pool`.
struct PackingTools {
  const kernels::KernelTable& ops;
  ThreadPool& pool;
  std::span<WorkerScratch> workers;
};

// A form of ModelWeights (ModelWeights::form).
class PackedLayers {
 public:
  explicit PackedLayers(const ModelWeights& weights);

  // The kept layer, or what was asked of it made in `scratch`. The table has the model's precision.
  const PackedLayer& layer(int64_t index, const LayerDemand& demand, const PackingTools& tools,
                           PackedLayer& scratch);
  // An expert of a layer that layer() gave: the layer's own, or made in `worker`, on the caller's thread.
  const PackedExpert& expert(int64_t index, const PackedLayer& layer, int64_t expert,
                             const kernels::KernelTable& ops, WorkerScratch& worker) const;

 private:
  struct KeptLayer {
    std::once_flag once;
    PackedLayer packed;
  };
  const ModelWeights& weights_;
  std::vector<std::unique_ptr<KeptLayer>> kept_;
};

}  // namespace headwise
