// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a model's stored tensors, found and checked, and their values as fp32. What it is not:
// the form that a backend multiplies with (decoder/cpu/packing.h), or the forward pass (decoder/decoder.h).
//
// Thread rule: immutable once adapt() is done, but for the backends' forms, which are made under a lock.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <typeindex>
#include <vector>

#include "base/tensor.h"
#include "formats/tensor_file.h"
#include "headwise/model.h"
#include "kernels/kernels.h"
#include "model/adapter.h"
#include "model/layer_spec.h"
#include "model/stored_layer.h"

namespace headwise {

// What an adapter changes of a layer, by LayerTensor; null where it does not.
using LayerChanges = std::array<const AdapterMatrix*, kLayerTensors>;

struct ModelWeights {
  std::unique_ptr<TensorFile> file;
  ModelConfig config;
  ModelSpec spec;  // what each layer computes
  ModelOptions options;
  TensorView embedding;  // [V, C]
  std::vector<StoredLayer> layers;

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

  // A tensor of a layer as fp32: the rows of q and k in the order of transformers, weights of norms as they
  // are multiplied with (the spec's offset added), an adapter's change in; empty where the model has none.
  std::vector<float> values(int64_t layer, LayerTensor tensor) const;

  // Rows [first, first + rows) of a matrix as it is stored, as fp32, in the order of transformers; what an
  // adapter adds is change()'s.
  void stored_rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t rows, float* out) const;
  // What an adapter adds to a matrix; rank 0 where it adds nothing.
  kernels::LowRank change(int64_t layer, LayerTensor tensor) const;
  // Rows and columns of a matrix that the layer has; those of experts stand below each other.
  int64_t outputs(int64_t layer, LayerTensor matrix) const {
    return layers[static_cast<size_t>(layer)][static_cast<size_t>(matrix)].shape[0];
  }
  int64_t inputs(int64_t layer, LayerTensor matrix) const {
    return layers[static_cast<size_t>(layer)][static_cast<size_t>(matrix)].shape[1];
  }

  // stored_rows and what the adapter adds to them.
  void rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t count, float* out) const;

  // Gives the memory of a layer's file pages back; reading them again costs time, not correctness.
  void release(int64_t layer) const;

  // What a backend makes of the weights and keeps as long as they live, such as packed panels: one for each
  // type, made by the first who asks as Form(weights), shared by all decoders of the model.
  template <typename Form>
  Form& form() const {
    const std::lock_guard lock(forms_mutex_);
    std::shared_ptr<void>& place = forms_[typeid(Form)];
    if (!place) place = std::make_shared<Form>(*this);
    return *static_cast<Form*>(place.get());
  }

  // Hash over shape and a sample of the stored values (as fp32): part of the model's fingerprint.
  uint64_t hash() const;

  // Whether the file has the tensor's rows in GGUF's interleaved rotary order.
  bool is_interleaved(LayerTensor tensor) const;

 private:
  Adapter adapter_;
  std::vector<LayerChanges> changes_;  // for each layer; into adapter_
  mutable std::mutex forms_mutex_;
  mutable std::map<std::type_index, std::shared_ptr<void>> forms_;
};

}  // namespace headwise
