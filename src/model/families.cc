// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/families.h"

#include <array>

namespace headwise {
namespace {

using Window = ModelFamily::Window;

constexpr std::array<ModelFamily, 4> kFamilies{{
    {.architecture = "llama",
     .hf_model_type = "llama",
     .hf_class_prefix = "Llama",
     .qkv_bias = false,
     .qk_norm = false,
     .gguf_permuted_qk = true,
     .window = Window::kIgnored,
     .default_context = 2048,
     .default_kv_heads = 0,
     .default_head_width = 0},
    // Mistral's pass is Llama's; llama.cpp's converter calls it llama as well.
    {.architecture = "llama",
     .hf_model_type = "mistral",
     .hf_class_prefix = "Mistral",
     .qkv_bias = false,
     .qk_norm = false,
     .gguf_permuted_qk = true,
     .window = Window::kAllLayers,
     .default_context = 131072,
     .default_kv_heads = 8,
     .default_head_width = 0},
    {.architecture = "qwen2",
     .hf_model_type = "qwen2",
     .hf_class_prefix = "Qwen2",
     .qkv_bias = true,
     .qk_norm = false,
     .gguf_permuted_qk = false,
     .window = Window::kByLayer,
     .default_context = 32768,
     .default_kv_heads = 32,
     .default_head_width = 0},
    {.architecture = "qwen3",
     .hf_model_type = "qwen3",
     .hf_class_prefix = "Qwen3",
     .qkv_bias = false,
     .qk_norm = true,
     .gguf_permuted_qk = false,
     .window = Window::kByLayer,
     .default_context = 32768,
     .default_kv_heads = 32,
     .default_head_width = 128},
}};

// The classes that share the decoder: what stands on top of it is not read.
constexpr std::array<std::string_view, 3> kClassSuffixes{"ForCausalLM", "Model", "ForSequenceClassification"};

}  // namespace

std::span<const ModelFamily> model_families() { return kFamilies; }

const ModelFamily* find_gguf_family(std::string_view architecture) {
  for (const ModelFamily& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  return nullptr;
}

const ModelFamily* find_hf_family(std::string_view class_name, std::string_view model_type) {
  for (const ModelFamily& family : kFamilies) {
    if (class_name.empty()) {
      if (family.hf_model_type == model_type) return &family;
      continue;
    }
    if (!class_name.starts_with(family.hf_class_prefix)) continue;
    const std::string_view rest = class_name.substr(family.hf_class_prefix.size());
    for (std::string_view suffix : kClassSuffixes) {
      if (rest == suffix) return &family;
    }
  }
  return nullptr;
}

std::string supported_architectures() {
  std::string names;
  for (const ModelFamily& family : kFamilies) {
    names += (names.empty() ? "" : ", ") + std::string(family.hf_model_type);
  }
  return names;
}

}  // namespace headwise
