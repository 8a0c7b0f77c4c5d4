// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what every layer of a model computes, in the words of the pass: which norms stand where,
// how queries are scaled, which rotary table turns them, what the MLP's gate does. It is made once, from the
// model's shape, by the model's family; every composition of a layer (the decoder's, the training graph's)
// reads it and knows no family. What it is not: shapes (ModelConfig, tensor_roles.h) and values (weights.h).
//
// Numbers are as the formulas have them, in double; who computes in fp32 rounds them once.
// Thread rule: immutable once made. Sources: Touvron et al. 2023 (Llama), Yang et al. 2024 (Qwen2), Qwen team
// 2025 (Qwen3: q/k norm, experts), Gemma team 2024 and 2025 (norms after, soft-caps, windows), OLMo team 2024
// (norms after alone), Granite team 2024 (multipliers), Yang et al. 2025 (layers without positions), Shazeer
// et al. 2017 and Fedus et al. 2021 (experts).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headwise/model_config.h"

namespace headwise {

// What the MLP does to its gate before it is multiplied with `up`.
enum class Activation {
  kSilu,      // x / (1 + exp(-x))
  kGeluTanh,  // x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
};

// The index of a layer whose queries and keys are not turned by their positions.
constexpr int kNoRotary = -1;

struct LayerSpec {
  // RMS norms, x / sqrt(mean x^2 + epsilon) * (offset + weight): of what enters attention and the MLP, and of
  // what leaves them before it is added to the residual stream.
  bool norm_before_attention = true;
  bool norm_after_attention = false;
  bool norm_before_mlp = true;
  bool norm_after_mlp = false;
  bool qk_norm = false;       // each head's q and k, after their biases and before they are turned
  bool wide_qk_norm = false;  // the same of all heads' q together, and of all heads' k
  double norm_epsilon = 1e-5;
  double norm_weight_offset = 0.0;  // 1 where a file stores weights as their distance from 1

  // Attention: softmax over keys of query_scale * q . k, where soft_cap > 0 of
  // soft_cap * tanh(query_scale * q . k / soft_cap).
  bool qkv_bias = false;
  bool output_bias = false;
  double query_scale = 1.0;
  double soft_cap = 0.0;
  int64_t window = 0;  // a row sees the positions above its own - window, up to its own; 0: all of them
  int rotary = 0;      // place in ModelSpec::rotary, or kNoRotary

  bool mlp_bias = false;
  Activation activation = Activation::kSilu;
  // Above 0: in place of one MLP of width F there are that many of width M. A row goes through those whose
  // router logits are the largest (of equal ones the first), each times its share: its part of the softmax
  // over the logits of all experts, or of the used ones alone.
  int64_t experts = 0;
  int64_t experts_used = 0;
  bool shares_of_used = false;
  bool routed() const { return experts > 0; }

  double residual_multiplier = 1.0;  // on what attention and the MLP add to the residual stream
};

// Positions to angles, for the layers that name it.
struct RotarySpec {
  int64_t width = 0;  // dimensions of a head that are turned: the first ones
  double theta = 10000.0;
  RopeScaling scaling;
};

struct ModelSpec {
  std::vector<LayerSpec> layers;
  std::vector<RotarySpec> rotary;
  double embedding_multiplier = 1.0;  // on a token's embedding, where it enters the residual stream
};

// Llama's pass at the shape, biases and q/k norms that `config` says, the same in every layer. A family's own
// function begins with it and changes what differs.
ModelSpec plain_spec(const ModelConfig& config);

// What `spec` asks for and the training graph has not, a phrase each ("soft-cap of attention logits at 50 in
// layers 0-25"); empty when a model can be trained. The decoder computes all that a spec can say.
std::vector<std::string> not_trained(const ModelSpec& spec, const ModelConfig& config);

// "layer 3", "layers 0-2,5": for messages. `layers` ascending.
std::string layers_text(const std::vector<int64_t>& layers);

}  // namespace headwise
