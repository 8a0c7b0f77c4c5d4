// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Gemma 2 (Gemma team 2024, arXiv 2408.00118): norms before and after attention and MLP, whose weights are
// stored as their distance from 1; embeddings scaled by sqrt(C); GELU; soft-capped attention logits; every
// other layer has a window. Gemma 3 (Gemma team 2025, arXiv 2503.19786; the text models): norms of each
// head's q and k in place of the soft-cap, five layers of six with a window and a rotary base of their own.
#include <cmath>

#include "model/families.h"
#include "model/families/plain_names.h"

namespace headwise {
namespace {

using Window = ModelFamily::Window;

constexpr NameRows<4> kGemmaNorms{{
    {LayerTensor::kAttentionNorm, "input_layernorm.weight", "attn_norm.weight"},
    {LayerTensor::kAttentionPostNorm, "post_attention_layernorm.weight", "post_attention_norm.weight"},
    {LayerTensor::kFfnNorm, "pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    {LayerTensor::kFfnPostNorm, "post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
}};
constexpr auto kGemmaNames =
    kGemmaNorms + kInputNames + kOutputNames + kHeadNormNames + kGateNames + kDownNames;

ModelSpec gemma_spec(const ModelConfig& config) {
  ModelSpec spec = plain_spec(config);
  for (LayerSpec& layer : spec.layers) {
    layer.norm_after_attention = true;
    layer.norm_after_mlp = true;
    layer.activation = Activation::kGeluTanh;
  }
  return spec;
}

// The largest model of each generation, as llama.cpp tells it: by its number of layers. Its queries are
// scaled by the width of the model over the heads; GGUF files do not say so.
constexpr int64_t kLayersOf27B2 = 46, kLayersOf27B3 = 62;

// config.json has the number whose root divides, and weights of norms as their distance from 1; GGUF files
// have them whole.
void complete_gemma(ModelConfig& config, bool gguf) {
  config.embedding_multiplier = std::sqrt(static_cast<double>(config.width));
  if (!gguf) {
    config.norm_weight_offset = 1.0;
    if (config.query_scale > 0.0) config.query_scale = 1.0 / std::sqrt(config.query_scale);
    return;
  }
  const int64_t largest = config.architecture == "gemma2" ? kLayersOf27B2 : kLayersOf27B3;
  if (config.layers != largest) return;
  config.query_scale = 1.0 / std::sqrt(static_cast<double>(config.width) / static_cast<double>(config.heads));
}

constexpr FamilyNumber kNumbers2[] = {
    {"query_pre_attn_scalar", "", &ModelConfig::query_scale, 256.0},
    {"attn_logit_softcapping", "attn_logit_softcapping", &ModelConfig::soft_cap, 50.0, 50.0},
    {"final_logit_softcapping", "final_logit_softcapping"},
};
constexpr FamilyNumber kNumbers3[] = {
    {"query_pre_attn_scalar", "", &ModelConfig::query_scale, 256.0},
    {"attn_logit_softcapping", "attn_logit_softcapping", &ModelConfig::soft_cap},
    {"final_logit_softcapping", "final_logit_softcapping"},
    {"rope_local_base_freq", "rope.freq_base_swa"},
};

}  // namespace

extern const ModelFamily kGemma2, kGemma3;

constinit const ModelFamily kGemma2{
    .architecture = "gemma2",
    .hf_model_type = "gemma2",
    .hf_class_prefix = "Gemma2",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = false,
    .qk_norm = false,
    .window = Window::kPattern,
    .default_context = 8192,
    .default_kv_heads = 4,
    .default_head_width = 256,
    .window_pattern = 2,
    .tied_by_default = true,
    .activation = Activation::kGeluTanh,
    .gguf_window = Window::kPattern,
    .gguf_permuted_qk = false,
    .names = kGemmaNames,
    .spec = gemma_spec,
    .numbers = kNumbers2,
    .complete = complete_gemma,
};

constinit const ModelFamily kGemma3{
    .architecture = "gemma3",
    .hf_model_type = "gemma3_text",
    .hf_class_prefix = "Gemma3",
    .qkv_bias = false,
    .reads_attention_bias = true,
    .reads_mlp_bias = false,
    .qk_norm = true,
    .window = Window::kPattern,
    .default_context = 131072,
    .default_kv_heads = 4,
    .default_head_width = 256,
    .window_pattern = 6,
    .default_rope_theta = 1000000.0,
    .default_window_rope_theta = 10000.0,
    .tied_by_default = true,
    .activation = Activation::kGeluTanh,
    .gguf_window = Window::kPattern,
    .gguf_permuted_qk = false,
    .names = kGemmaNames,
    .spec = gemma_spec,
    .numbers = kNumbers3,
    .complete = complete_gemma,
};

}  // namespace headwise
