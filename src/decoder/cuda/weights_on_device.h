// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a model's weights on a device, in the type that products read. Layers come when a pass
// first needs them: dequantised on the device, a piece of a matrix at a time. Shared by all decoders of the
// model on that device.
//
// Thread rule: under the device's lock.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "decoder/cuda/device.h"
#include "headwise/error.h"
#include "model/tensor_roles.h"
#include "model/weights.h"

namespace headwise::device {

// Matrices are [outputs, inputs] of T; q, k and v stand in one, gate and up in another, and so do their
// biases. Vectors are fp32; null where the layer has none.
struct LayerOnDevice {
  Memory memory;
  const void* qkv = nullptr;
  const void* output = nullptr;
  const void* gate_up = nullptr;
  const void* down = nullptr;
  const float* qkv_bias = nullptr;
  const float* gate_up_bias = nullptr;
  const float* vectors[kLayerTensors] = {};  // by LayerTensor: norms, and the biases of output and down
};

class WeightsOnDevice {
 public:
  // The model's weights on this device in this type; made where nobody has them yet.
  static std::shared_ptr<WeightsOnDevice> of(const ModelWeights& weights, std::shared_ptr<Device> device,
                                             NumberType type);
  WeightsOnDevice(const ModelWeights& weights, std::shared_ptr<Device> device, NumberType type)
      : weights_(weights), device_(std::move(device)), type_(type) {}

  // Brings the embeddings and layers [0, layers) there. kResourceLimit, with figures, when they do not fit.
  Status bring(int layers);
  const LayerOnDevice& layer(int index) const { return layers_[static_cast<size_t>(index)]; }
  const void* embedding() const { return embedding_.at(); }

 private:
  struct Staging;
  Status bring_missing(int layers, Staging& staging);
  Status bring_layer(int layer, Staging& staging);
  uint64_t missing_bytes(int layers) const;

  const ModelWeights& weights_;
  std::shared_ptr<Device> device_;
  NumberType type_;
  Memory embedding_;
  std::vector<LayerOnDevice> layers_;
};

}  // namespace headwise::device
