// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the decoder (decoder/decoder.h) once more, as a graph that libtorch differentiates: the
// same prompt, heads and scores, with trainable low-rank changes to chosen projections (Hu et al. 2021, arXiv
// 2106.09685), or with whole matrices trained. It composes a layer from the same specs (model/layer_spec.h).
// Scores agree with the engine's to 1e-4 (tests/unit/align).
//
// Memory: without checkpointing every layer keeps what its gradients need, about T * (20 C + 6 F) numbers and
// the attention; with it one layer at a time does, and each layer runs twice. Thread rule: one caller;
// libtorch's own threads inside.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "align/graph/prompt_tensors.h"
#include "align/graph/trunk_cache.h"
#include "headwise/head_selection.h"
#include "headwise/model.h"
#include "headwise/reranker.h"
#include "model/layer_spec.h"
#include "model/tensor_roles.h"

namespace headwise {

struct TrainingModelOptions {
  int deepest_layer = -1;  // L*: the deepest layer whose heads are read; nothing above it is loaded
  int first_layer = 0;     // layers before it stay frozen
  int join = 0;  // in layers before it rows see no passages, as kept ones with join:L (`blocks` alone)
  std::vector<LayerTensor> targets{LayerTensor::kQuery, LayerTensor::kKey};
  bool whole_matrices = false;  // train the matrices themselves instead of low-rank factors
  int rank = 16;
  double alpha = 32.0;
  uint64_t seed = 1;
  bool bf16 = false;        // products and what lies between them; sums, softmax and norms stay fp32
  bool checkpoint = false;  // keep only what enters each layer
  torch::Device device = torch::kCPU;
  std::filesystem::path trunk_cache{};  // folder (trunk_cache.h); empty: the frozen layers run every time
};

// A trained matrix: W + scale * b a, or, with whole matrices, W + a (then b is undefined).
struct TrainedMatrix {
  int64_t layer = 0;
  LayerTensor tensor = LayerTensor::kQuery;
  torch::Tensor a;     // [rank, in]; whole: [out, in]
  torch::Tensor b;     // [out, rank]
  bool fixed = false;  // as it came, below the first trained layer
};

// What the read heads give one after the other: each [Q, S], the mean attention of a query's rows to the
// summed tokens.
using ReadAttention = std::vector<torch::Tensor>;

class TrainingModel {
 public:
  // kUsage for layers, targets or ranks that the model has not.
  static Result<TrainingModel> create(const Model& model, const TrainingModelOptions& options);

  // Mean attention for each of `heads`, in their order.
  ReadAttention read(const PromptTensors& prompt, std::span<const HeadId> heads) const;
  // The value that each head adds to each passage's score before its weight, [Q', heads, P] in fp32; Q' is
  // without the content-free query where the calibration uses it up. Sources: docs/method.md#scores. The
  // token filter's choice is taken as given: no gradient goes through it.
  torch::Tensor head_values(const PromptTensors& prompt, std::span<const HeadId> heads,
                            Calibration calibration, TokenFilter filter) const;

  // A change to a matrix below the first trained layer that stays as it is: b a, whatever the scale; written
  // with the others. The rank is at most that of the others.
  void keep_change(int64_t layer, LayerTensor tensor, const torch::Tensor& a, const torch::Tensor& b);

  // fp32, in a fixed order.
  std::vector<TrainedMatrix>& matrices() { return matrices_; }
  const std::vector<TrainedMatrix>& matrices() const { return matrices_; }
  // Of the matrices that are trained.
  std::vector<torch::Tensor> parameters() const;
  const TrainingModelOptions& options() const { return options_; }
  const ModelConfig& config() const { return config_; }
  // Leaves the trained change out of every pass until it is called with false.
  void set_frozen(bool frozen) { frozen_ = frozen; }
  bool frozen() const { return frozen_; }
  // Null without one.
  const TrunkCache* trunk_cache() const { return trunk_cache_.get(); }
  double scale() const { return options_.whole_matrices ? 1.0 : options_.alpha / options_.rank; }

 private:
  struct Layer {
    std::array<torch::Tensor, kLayerTensors> tensors;  // undefined where the model has none
    std::array<int, kLayerTensors> trained;            // place in matrices_, -1: frozen
    const torch::Tensor& operator[](LayerTensor tensor) const { return tensors[static_cast<size_t>(tensor)]; }
  };
  struct Rotary {
    torch::Tensor cos;  // [positions, D]
    torch::Tensor sin;
  };
  Status add_layer(const ModelWeights& weights, int layer, torch::Generator& random);
  void add_rotary(const RotarySpec& spec);

  // One layer's input to its output and what its read heads give; output is undefined for the deepest layer.
  std::vector<torch::Tensor> run_layer(int layer, const torch::Tensor& hidden, const PromptTensors& prompt,
                                       const std::vector<int>& heads) const;
  // The same of tokens that each see all before them, and nothing is read.
  torch::Tensor run_causally(int layer, const torch::Tensor& hidden, const torch::Tensor& positions) const;
  // What enters the first trained layer, where rows see no slots before it: of each slot kept or run by
  // itself, whatever stands beside it.
  torch::Tensor trunk_by_slots(const PromptTensors& prompt) const;
  bool keeps_slots(const PromptTensors& prompt) const {
    return trunk_cache_ && options_.join >= options_.first_layer && prompt.slot_tokens.defined();
  }
  // What attention reads of the residual stream; and the stream after the layer, of what its heads mixed.
  torch::Tensor enter(const torch::Tensor& hidden, int layer) const;
  torch::Tensor leave(const torch::Tensor& hidden, const torch::Tensor& attention, int layer) const;
  // The residual stream after attention to that after the MLP.
  torch::Tensor run_mlp(const torch::Tensor& after, int layer) const;
  // What attention or the MLP gives, to the residual stream, through the norm after it where the layer has
  // one.
  torch::Tensor add(const torch::Tensor& stream, const torch::Tensor& added, int layer,
                    LayerTensor post_norm) const;
  // A matrix of the layer, with its bias and what is trained of it.
  torch::Tensor linear(const torch::Tensor& x, int layer, LayerTensor matrix) const;
  torch::Tensor norm(const torch::Tensor& x, int layer, LayerTensor weight) const;
  torch::Tensor rotate(const torch::Tensor& x, int layer, const torch::Tensor& positions) const;
  // By heads, [n, heads, D]; queries and keys normed and turned as the layer's spec says.
  torch::Tensor project(const torch::Tensor& x, int layer, LayerTensor matrix) const;
  torch::Tensor project_and_turn(const torch::Tensor& x, int layer, LayerTensor matrix, LayerTensor head_norm,
                                 const torch::Tensor& positions) const;

  ModelConfig config_;
  ModelSpec spec_;
  std::shared_ptr<TrunkCache> trunk_cache_;
  TrainingModelOptions options_;
  torch::ScalarType compute_ = torch::kFloat32;
  torch::Tensor embedding_;     // [V, C]
  std::vector<Rotary> rotary_;  // of the spec
  std::vector<Layer> layers_;
  std::vector<TrainedMatrix> matrices_;
  bool frozen_ = false;
};

}  // namespace headwise
