// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Qwen2 (Yang et al. 2024, arXiv 2407.10671): Llama's pass with biases on q, k and v. Qwen3 (Qwen team 2025,
// arXiv 2505.09388): without them, and with norms of each head's q and k. Names are Llama's. Qwen3-MoE: the
// same with a router and experts in the place of most layers' MLP.
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

using Window = ModelFamily::Window;

constexpr NameRows<4> kExpertNames{{
    {LayerTensor::kRouter, "mlp.gate.weight", "ffn_gate_inp.weight"},
    {LayerTensor::kExpertGate, "mlp.experts.*.gate_proj.weight", "ffn_gate_exps.weight"},
    {LayerTensor::kExpertUp, "mlp.experts.*.up_proj.weight", "ffn_up_exps.weight"},
    {LayerTensor::kExpertDown, "mlp.experts.*.down_proj.weight", "ffn_down_exps.weight"},
}};
constexpr auto kQwen3MoeNames = kPlainNames + kExpertNames;

// Read with the layers' shapes.
constexpr FamilyNumber kExpertNumbers[] = {
    {"num_experts", "expert_count"},
    {"num_local_experts", ""},
    {"", "expert_used_count"},
    {"moe_intermediate_size", "expert_feed_forward_length"},
};

}  // namespace

extern const ModelFamily kQwen2, kQwen3, kQwen3Moe;

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

constinit const ModelFamily kQwen3Moe{
    .architecture = "qwen3moe",
    .hf_model_type = "qwen3_moe",
    .hf_class_prefix = "Qwen3Moe",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = false,
    .qk_norm = true,
    .window = Window::kIfUsed,
    .default_context = 32768,
    .default_kv_heads = 4,
    .default_head_width = 0,
    .default_experts = 128,
    .default_experts_used = 8,
    .default_expert_width = 768,
    .gguf_shares_of_used = true,
    .gguf_permuted_qk = false,
    .names = kQwen3MoeNames,
    .spec = plain_spec,
    .numbers = kExpertNumbers,
};

}  // namespace headwise
