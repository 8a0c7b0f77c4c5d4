// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the composition of a layer on a device, as ModelSpec says: what LayerPass
// (decoder/cpu/layer_pass.h) is to the CPU. It asks the device for work and does not wait for it.
#pragma once

#include <cstdint>
#include <vector>

#include "decoder/cpu/pass_plan.h"
#include "decoder/cuda/device.h"
#include "decoder/cuda/pass_memory.h"
#include "decoder/cuda/pass_tables.h"
#include "decoder/cuda/weights_on_device.h"
#include "model/weights.h"

namespace headwise::device {

// cos and sin of positions on the device, [position, width / 2].
struct RotaryOnDevice {
  const float* cos = nullptr;
  const float* sin = nullptr;
};

// What a pass works with.
struct PassTools {
  const ModelWeights& weights;
  const WeightsOnDevice& brought;
  const PassPlan& plan;
  const PassTables& tables;
  const PassMemory& memory;
  const std::vector<RotaryOnDevice>& rotary;  // by place in ModelSpec::rotary
  NumberType type;
  int64_t tile_rows;  // of Attend, as the tables have them
};

class LayerOnDevicePass {
 public:
  LayerOnDevicePass(const PassTools& tools, Queue& queue)
      : tools_(tools), config_(tools.weights.config), queue_(queue) {}

  // Embeddings of all rows.
  void embed();
  void run(int index, const LayerDemand& demand);
  // Sums of the layer that ran last, to the slot's memory of the host.
  void read(int index, int slot);
  // Keys, and values beside them, of a segment that ran, as fp32 [rows, 2 K D] to memory.host_rows.
  void take(const SegmentPlace& segment);

 private:
  const float* vector(LayerTensor tensor) const { return layer_->vectors[static_cast<size_t>(tensor)]; }
  int64_t heads_width() const { return (config_.heads + 2 * config_.kv_heads) * config_.head_width; }
  void norm(LayerTensor weights);
  // x [rows, inputs] of T times a matrix, to `out`.
  void multiply(const void* x, int64_t rows, const void* matrix, int64_t inputs, int64_t outputs, void* out);
  // Adds a product, its bias and norm to the rows of the residual stream from `first` on.
  struct Branch {
    const void* x;
    const void* matrix;
    int64_t inputs;
    LayerTensor bias;
    LayerTensor norm;
  };
  void add(const Branch& branch, int64_t first, int64_t rows);
  void finish_heads();
  // The norm of all heads' queries, or keys, `first` numbers into a row.
  void norm_wide(LayerTensor weights, int64_t first, int64_t width);
  KeysSeen seen(int index) const;
  void attend(int index, bool whole);
  void feed_forward();

  PassTools tools_;
  const ModelConfig& config_;
  Queue& queue_;
  const LayerOnDevice* layer_ = nullptr;  // the one in hand
  const LayerSpec* spec_ = nullptr;
};

}  // namespace headwise::device
