// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Qwen2 (Yang et al. 2024, arXiv 2407.10671): Llama's pass with biases on q, k and v. Qwen3 (Qwen team 2025,
// arXiv 2505.09388): without them, and with norms of each head's q and k. Names are Llama's.
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

using Window = ModelFamily::Window;

}  // namespace

extern const ModelFamily kQwen2, kQwen3;

constinit const ModelFamily kQwen2{
    .architecture = "qwen2",
    .hf_model_type = "qwen2",
    .hf_class_prefix = "Qwen2",
    .qkv_bias = true,
    .reads_attention_bias = false,
    .reads_mlp_bias = false,
    .qk_norm = false,
    .window = Window::kByLayer,
    .default_context = 32768,
    .default_kv_heads = 32,
    .default_head_width = 0,
    .gguf_permuted_qk = false,
    .names = kPlainNames,
    .spec = plain_spec,
};

constinit const ModelFamily kQwen3{
    .architecture = "qwen3",
    .hf_model_type = "qwen3",
    .hf_class_prefix = "Qwen3",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = false,
    .qk_norm = true,
    .window = Window::kByLayer,
    .default_context = 32768,
    .default_kv_heads = 32,
    .default_head_width = 128,
    .gguf_permuted_qk = false,
    .names = kPlainNames,
    .spec = plain_spec,
};

}  // namespace headwise
