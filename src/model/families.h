// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a model family is to us: the names that Hugging Face and llama.cpp give it and its
// tensors, the defaults that hold when a file does not say, and the function from a shape to what its layers
// compute. Each family is a file of families/; families.cc has the list. docs/add-a-model.md tells how to add
// one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "headwise/model_config.h"
#include "model/layer_spec.h"
#include "model/tensor_names.h"

namespace headwise {

struct ModelFamily {
  // What a sliding_window key of config.json means.
  enum class Window {
    kIgnored,    // nothing: transformers' class does not read it
    kAllLayers,  // every layer, unless null
    kByLayer,    // with use_sliding_window: the layers from max_window_layers on, or as layer_types says
  };

  std::string_view architecture;     // ModelConfig::architecture, and general.architecture of GGUF files
  std::string_view hf_model_type;    // config.json "model_type"
  std::string_view hf_class_prefix;  // "Llama" of LlamaForCausalLM, LlamaModel

  // config.json. Biases: whether q, k and v always have them, and whether the class reads these keys.
  bool qkv_bias;
  bool reads_attention_bias;
  bool reads_mlp_bias;
  bool qk_norm;
  Window window;
  // transformers' defaults for keys that are missing.
  int64_t default_context;
  int64_t default_kv_heads;    // 0: as many as query heads
  int64_t default_head_width;  // 0: width / heads

  bool gguf_permuted_qk;  // GGUF files hold q and k rows in interleaved rotary order

  TensorNames names;                               // of a layer, in the order they are looked for
  ModelSpec (*spec)(const ModelConfig& of_model);  // what its layers compute
};

std::span<const ModelFamily* const> model_families();
// Null when the family is not in the list.
const ModelFamily* find_gguf_family(std::string_view architecture);
// By class name when the file names one ("LlamaForCausalLM"), else by model_type.
const ModelFamily* find_hf_family(std::string_view class_name, std::string_view model_type);
// The family of a model whose shape is known; Llama's where its architecture is none of ours.
const ModelFamily& family_of(const ModelConfig& config);
// Adds to config.unsupported what the family's layers ask for and no pass computes.
void name_not_computed(const ModelFamily& family, ModelConfig& config);
// "llama, qwen2, qwen3": for messages.
std::string supported_architectures();

}  // namespace headwise
