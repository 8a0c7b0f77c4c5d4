// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Granite 3 (Granite team 2024): Llama's pass with a multiplier each on embeddings, on what a layer adds, and
// on attention logits; the fourth, on output logits, scores nothing.
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

constexpr FamilyNumber kGraniteNumbers[] = {
    {"embedding_multiplier", "embedding_scale", &ModelConfig::embedding_multiplier, 1.0, 1.0},
    {"residual_multiplier", "residual_scale", &ModelConfig::residual_multiplier, 1.0, 1.0},
    {"attention_multiplier", "attention.scale", &ModelConfig::query_scale, 1.0, 0.0},
    {"logits_scaling", "logit_scale"},
};

}  // namespace

extern const ModelFamily kGranite;

constinit const ModelFamily kGranite{
    .architecture = "granite",
    .hf_model_type = "granite",
    .hf_class_prefix = "Granite",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = true,
    .qk_norm = false,
    .window = ModelFamily::Window::kIgnored,
    .default_context = 2048,
    .default_kv_heads = 0,
    .default_head_width = 0,
    .gguf_permuted_qk = true,
    .names = kPlainNames,
    .spec = plain_spec,
    .numbers = kGraniteNumbers,
};

}  // namespace headwise
