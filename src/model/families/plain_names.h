// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tensors of a layer as Llama's files call them; most families' files call them so
// too.
#pragma once

#include <array>

#include "model/tensor_names.h"

namespace headwise {

inline constexpr std::array<TensorName, 18> kPlainNames{{
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

}  // namespace headwise
