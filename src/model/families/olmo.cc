// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// OLMo 2 (OLMo team 2024, arXiv 2501.00656): no norms before attention and MLP but after them, and norms of
// all heads' q together and of all heads' k.
#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

constexpr NameRows<4> kOlmoNorms{{
    {LayerTensor::kAttentionPostNorm, "post_attention_layernorm.weight", "post_attention_norm.weight"},
    {LayerTensor::kFfnPostNorm, "post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
    {LayerTensor::kQueryWideNorm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
    {LayerTensor::kKeyWideNorm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
}};
constexpr auto kOlmoNames = kOlmoNorms + kInputNames + kOutputNames + kGateNames + kDownNames;

ModelSpec olmo2_spec(const ModelConfig& config) {
  ModelSpec spec = plain_spec(config);
  for (LayerSpec& layer : spec.layers) {
    layer.norm_before_attention = layer.norm_before_mlp = false;
    layer.norm_after_attention = layer.norm_after_mlp = true;
    layer.qk_norm = false;
    layer.wide_qk_norm = true;
  }
  return spec;
}

}  // namespace

extern const ModelFamily kOlmo2;

constinit const ModelFamily kOlmo2{
    .architecture = "olmo2",
    .hf_model_type = "olmo2",
    .hf_class_prefix = "Olmo2",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = false,
    .qk_norm = false,
    .window = ModelFamily::Window::kIgnored,
    .default_context = 2048,
    .default_kv_heads = 0,
    .default_head_width = 0,
    .default_epsilon = 1e-5,
    .gguf_permuted_qk = false,
    .names = kOlmoNames,
    .spec = olmo2_spec,
};

}  // namespace headwise
