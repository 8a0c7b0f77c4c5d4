// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Phi-3 and Phi-4 (Abdin et al. 2024, arXiv 2404.14219 and 2412.08905): Llama's pass with q, k and v in one
// matrix and gate and up in another, longrope positions, and in Phi-4-mini positions that turn three quarters
// of each head.
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

constexpr NameRows<4> kPhiFused{{
    {{LayerTensor::kQuery, LayerTensor::kKey, LayerTensor::kValue},
     "self_attn.qkv_proj.weight",
     "attn_qkv.weight"},
    {{LayerTensor::kQueryBias, LayerTensor::kKeyBias, LayerTensor::kValueBias},
     "self_attn.qkv_proj.bias",
     "attn_qkv.bias"},
    {{LayerTensor::kGate, LayerTensor::kUp}, "mlp.gate_up_proj.weight", "ffn_up.weight"},
    {{LayerTensor::kGateBias, LayerTensor::kUpBias}, "mlp.gate_up_proj.bias", "ffn_up.bias"},
}};
constexpr auto kPhiNames = kNormsBefore + kPhiFused + kOutputNames + kHeadNormNames + kDownNames;

}  // namespace

extern const ModelFamily kPhi3;

constinit const ModelFamily kPhi3{
    .architecture = "phi3",
    .hf_model_type = "phi3",
    .hf_class_prefix = "Phi3",
    .qkv_bias = false,
    .reads_attention_bias = false,
    .reads_mlp_bias = false,
    .qk_norm = false,
    .window = ModelFamily::Window::kAllLayers,
    .default_context = 4096,
    .default_kv_heads = 0,
    .default_head_width = 0,
    .default_window = 0,
    .default_epsilon = 1e-5,
    .partial_rotary = true,
    .longrope = true,
    .gguf_window = ModelFamily::Window::kAllLayers,
    .gguf_permuted_qk = false,
    .names = kPhiNames,
    .spec = plain_spec,
};

}  // namespace headwise
