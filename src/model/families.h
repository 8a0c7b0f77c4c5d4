// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of model families that the forward pass knows, under the names that Hugging
// Face and llama.cpp give them, and the defaults that hold when a file does not say. docs/add-a-model.md
// tells how to add one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

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
  bool qkv_bias;                     // always there; where false, config key attention_bias decides
  bool qk_norm;
  bool gguf_permuted_qk;  // GGUF files hold q and k rows in interleaved rotary order
  Window window;
  // transformers' defaults for keys that are missing.
  int64_t default_context;
  int64_t default_kv_heads;    // 0: as many as query heads
  int64_t default_head_width;  // 0: width / heads
};

std::span<const ModelFamily> model_families();
// Null when the family is not in the table.
const ModelFamily* find_gguf_family(std::string_view architecture);
// By class name when the file names one ("LlamaForCausalLM"), else by model_type.
const ModelFamily* find_hf_family(std::string_view class_name, std::string_view model_type);
// "llama, qwen2, qwen3": for messages.
std::string supported_architectures();

}  // namespace headwise
