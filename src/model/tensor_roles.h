// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tensors that a layer can have, by what they are to the pass: their shape in
// dimension letters, whether they are matrices, norms or biases, when a layer has them. Shapes, sizes and
// counts of operations are read off this table and written nowhere else. What it is not: what files call them
// (tensor_names.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "headwise/model_config.h"
#include "model/layer_spec.h"

namespace headwise {

// The numbers are part of an adapted model's fingerprint: new roles go to the end.
enum class LayerTensor {
  kAttentionNorm,
  kQuery,
  kKey,
  kValue,
  kOutput,
  kQueryBias,
  kKeyBias,
  kValueBias,
  kOutputBias,
  kQueryNorm,
  kKeyNorm,
  kFfnNorm,
  kGate,
  kUp,
  kDown,
  kGateBias,
  kUpBias,
  kDownBias,
  kAttentionPostNorm,
  kFfnPostNorm,
  kQueryWideNorm,
  kKeyWideNorm,
  kRouter,
  kExpertGate,
  kExpertUp,
  kExpertDown,
};
inline constexpr int kLayerTensors = 26;

enum class TensorKind { kMatrix, kNorm, kBias };

struct TensorRole {
  LayerTensor tensor;
  std::string_view word;   // of a matrix, as `align --train` takes it; of others empty
  std::string_view shape;  // letters, outermost extent first; letters side by side are multiplied: "HD C"
  TensorKind kind;
  bool adaptable;  // a LoRA adapter may change it
  bool rotated;    // its rows are in rotary order, which GGUF files of some families interleave
  bool (*when)(const LayerSpec& layer);  // the layer has it where this is true; null: always
  std::optional<LayerTensor> bias{};     // of a matrix: what is added to its product
};

// In the order of LayerTensor.
std::span<const TensorRole> tensor_roles();
const TensorRole& role_of(LayerTensor tensor);
// Of a matrix that has one.
LayerTensor bias_of(LayerTensor matrix);
bool has_tensor(const LayerSpec& layer, LayerTensor tensor);
// Whether there is one a layer's expert: the first extent of its shape counts them.
bool is_by_expert(LayerTensor tensor);

// Extents of a shape in letters: H query heads, K key/value heads, D head width, C model width,
// F feed-forward width, V vocabulary, E experts, M their width.
std::vector<int64_t> shape_of(std::string_view letters, const ModelConfig& config);
std::vector<int64_t> shape_of(LayerTensor tensor, const ModelConfig& config);
// Their product.
int64_t values_in(std::string_view letters, const ModelConfig& config);
int64_t values_in(LayerTensor tensor, const ModelConfig& config);

// Values of all tensors that a layer has, and those of its matrices alone.
int64_t layer_values(const LayerSpec& layer, const ModelConfig& config);
int64_t matrix_values(const LayerSpec& layer, const ModelConfig& config);
// Those of the matrices that one token meets, of experts the used ones: each costs it one multiplication and
// one addition.
int64_t met_values(const LayerSpec& layer, const ModelConfig& config);

}  // namespace headwise
