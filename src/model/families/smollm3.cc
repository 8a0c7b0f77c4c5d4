// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// SmolLM3 (Hugging Face 2025): Llama's pass, but every fourth layer has no rotary positions (Yang et al.
// 2025, arXiv 2501.18795).
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {

extern const ModelFamily kSmolLM3;

constinit const ModelFamily kSmolLM3{
    .architecture = "smollm3",
    .hf_model_type = "smollm3",
    .hf_class_prefix = "SmolLM3",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = true,
    .qk_norm = false,
    .window = ModelFamily::Window::kWithoutRotary,
    .default_context = 32768,
    .default_kv_heads = 4,
    .default_head_width = 0,
    .default_window = 0,
    .default_rope_theta = 2000000.0,
    .tied_by_default = true,
    .no_rotary_interval = 4,
    .gguf_permuted_qk = true,
    .names = kPlainNames,
    .spec = plain_spec,
};

}  // namespace headwise
