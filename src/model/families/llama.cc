// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Llama, and Mistral: the plain pass and its names. Llama (Touvron et al. 2023, arXiv 2302.13971) is what
// SmolLM2 and many others are too. Mistral's (Jiang et al. 2023, arXiv 2310.06825) is the same but for its
// window and defaults; llama.cpp's converter calls it llama as well.
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

using Window = ModelFamily::Window;

}  // namespace

extern const ModelFamily kLlama, kMistral;

constinit const ModelFamily kLlama{
    .architecture = "llama",
    .hf_model_type = "llama",
    .hf_class_prefix = "Llama",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = true,
    .qk_norm = false,
    .window = Window::kIgnored,
    .default_context = 2048,
    .default_kv_heads = 0,
    .default_head_width = 0,
    .gguf_window = Window::kAllLayers,
    .gguf_permuted_qk = true,
    .names = kPlainNames,
    .spec = plain_spec,
};

constinit const ModelFamily kMistral{
    .architecture = "llama",
    .hf_model_type = "mistral",
    .hf_class_prefix = "Mistral",
    .qkv_bias = false,
    .reads_attention_bias = false,
    .reads_mlp_bias = false,
    .qk_norm = false,
    .window = Window::kAllLayers,
    .default_context = 131072,
    .default_kv_heads = 8,
    .default_head_width = 0,
    .gguf_window = Window::kAllLayers,
    .gguf_permuted_qk = true,
    .names = kPlainNames,
    .spec = plain_spec,
};

}  // namespace headwise
