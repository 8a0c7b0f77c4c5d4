// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the single place that knows how Hugging Face and GGUF files call a decoder's tensors.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/tensor_roles.h"

namespace headwise {

struct LayerTensorName {
  LayerTensor tensor;
  std::string_view hugging_face;  // after "model.layers.<n>."
  std::string_view gguf;          // after "blk.<n>."
};

inline constexpr std::array<LayerTensorName, 18> kLayerTensorNames{{
    {LayerTensor::kAttentionNorm, "input_layernorm.weight", "attn_norm.weight"},
    {LayerTensor::kQuery, "self_attn.q_proj.weight", "attn_q.weight"},
    {LayerTensor::kKey, "self_attn.k_proj.weight", "attn_k.weight"},
    {LayerTensor::kValue, "self_attn.v_proj.weight", "attn_v.weight"},
    {LayerTensor::kOutput, "self_attn.o_proj.weight", "attn_output.weight"},
    {LayerTensor::kQueryBias, "self_attn.q_proj.bias", "attn_q.bias"},
    {LayerTensor::kKeyBias, "self_attn.k_proj.bias", "attn_k.bias"},
    {LayerTensor::kValueBias, "self_attn.v_proj.bias", "attn_v.bias"},
    {LayerTensor::kOutputBias, "self_attn.o_proj.bias", "attn_output.bias"},
    {LayerTensor::kQueryNorm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
    {LayerTensor::kKeyNorm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
    {LayerTensor::kFfnNorm, "post_attention_layernorm.weight", "ffn_norm.weight"},
    {LayerTensor::kGate, "mlp.gate_proj.weight", "ffn_gate.weight"},
    {LayerTensor::kUp, "mlp.up_proj.weight", "ffn_up.weight"},
    {LayerTensor::kDown, "mlp.down_proj.weight", "ffn_down.weight"},
    {LayerTensor::kGateBias, "mlp.gate_proj.bias", "ffn_gate.bias"},
    {LayerTensor::kUpBias, "mlp.up_proj.bias", "ffn_up.bias"},
    {LayerTensor::kDownBias, "mlp.down_proj.bias", "ffn_down.bias"},
}};

inline constexpr std::string_view kEmbeddingHuggingFace = "model.embed_tokens.weight";
inline constexpr std::string_view kEmbeddingGguf = "token_embd.weight";

inline std::string layer_tensor_name(const LayerTensorName& name, int64_t layer, bool gguf) {
  return (gguf ? "blk." : "model.layers.") + std::to_string(layer) + "." +
         std::string(gguf ? name.gguf : name.hugging_face);
}

}  // namespace headwise
