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

#include "headwise/error.h"
#include "headwise/model_config.h"
#include "model/layer_spec.h"
#include "model/tensor_names.h"

namespace headwise {

// A number that files of a family say and that others do not have, in config.json and in GGUF metadata
// (empty: there is no such key). What holds where a file is silent is transformers' default for the one,
// llama.cpp's for the other. Null for `field`: the key does not touch what this build computes, or is read
// elsewhere.
struct FamilyNumber {
  std::string_view hugging_face;
  std::string_view gguf;  // after "<architecture>."
  double ModelConfig::*field = nullptr;
  double missing = 0.0;
  double missing_in_gguf = 0.0;
};

struct ModelFamily {
  // What a sliding_window key of config.json means.
  enum class Window {
    kIgnored,        // nothing: transformers' class does not read it
    kAllLayers,      // every layer, unless null
    kIfUsed,         // every layer, with use_sliding_window
    kByLayer,        // with use_sliding_window: the layers from max_window_layers on, or as layer_types says
    kWithoutRotary,  // with use_sliding_window: the layers without rotary positions, or as layer_types says
    kPattern,        // every layer but each window_pattern-th, or as layer_types says
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
  int64_t default_kv_heads;       // 0: as many as query heads
  int64_t default_head_width;     // 0: width / heads
  int64_t default_window = 4096;  // 0: none
  int64_t window_pattern = 0;     // of Window::kPattern
  double default_rope_theta = 10000.0;
  double default_window_rope_theta = 0.0;  // of layers with a window; 0: as the others
  double default_epsilon = 1e-6;
  bool tied_by_default = false;
  int64_t no_rotary_interval = 0;  // above 0: every such layer has no rotary positions
  bool partial_rotary = false;     // reads partial_rotary_factor
  bool longrope = false;           // reads rope scaling of type longrope
  Activation activation = Activation::kSilu;

  // Of the layers whose MLP is several; 0 experts: the family has none. GGUF files do not say whether the
  // used experts' shares add up to 1: llama.cpp knows it of the family.
  int64_t default_experts = 0;
  int64_t default_experts_used = 0;
  int64_t default_expert_width = 0;
  bool gguf_shares_of_used = false;

  Window gguf_window = Window::kIgnored;  // what the key means in GGUF files; kIgnored: it is refused
  bool gguf_permuted_qk;                  // GGUF files hold q and k rows in interleaved rotary order

  TensorNames names;                               // of a layer, in the order they are looked for
  ModelSpec (*spec)(const ModelConfig& of_model);  // what its layers compute
  std::span<const FamilyNumber> numbers = {};
  // What follows from the rest, once all is read; null: nothing.
  void (*complete)(ModelConfig& of_model, bool gguf) = nullptr;

  // Whether a key of config.json, or of GGUF metadata, is one of `numbers`.
  bool reads(std::string_view key, bool of_gguf) const;
};

std::span<const ModelFamily* const> model_families();
// Null when the family is not in the list.
const ModelFamily* find_gguf_family(std::string_view architecture);
// By class name when the file names one ("LlamaForCausalLM"), else by model_type.
const ModelFamily* find_hf_family(std::string_view class_name, std::string_view model_type);
// The family of a model whose shape is known; Llama's where its architecture is none of ours.
const ModelFamily& family_of(const ModelConfig& config);
// The last step of reading a config whose numbers are checked: what follows from the rest, and a check of it.
Status complete_config(const ModelFamily& family, ModelConfig& config, bool gguf);
// "llama, qwen2, qwen3": for messages.
std::string supported_architectures();

}  // namespace headwise
