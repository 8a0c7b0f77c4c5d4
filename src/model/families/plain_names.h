// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tensors of a layer as Llama's files call them, in parts, and the whole of it, which
// most families' files have too.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "model/tensor_names.h"

namespace headwise {

template <size_t N>
using NameRows = std::array<TensorName, N>;

// The rows of two tables, one behind the other.
template <size_t N, size_t M>
constexpr NameRows<N + M> operator+(const NameRows<N>& one, const NameRows<M>& other) {
  return [&]<size_t... I, size_t... J>(std::index_sequence<I...>, std::index_sequence<J...>) {
    return NameRows<N + M>{{one[I]..., other[J]...}};
  }
  (std::make_index_sequence<N>{}, std::make_index_sequence<M>{});
}

inline constexpr NameRows<2> kNormsBefore{{
    {LayerTensor::kAttentionNorm, "input_layernorm.weight", "attn_norm.weight"},
    {LayerTensor::kFfnNorm, "post_attention_layernorm.weight", "ffn_norm.weight"},
}};
inline constexpr NameRows<6> kInputNames{{
    {LayerTensor::kQuery, "self_attn.q_proj.weight", "attn_q.weight"},
    {LayerTensor::kKey, "self_attn.k_proj.weight", "attn_k.weight"},
    {LayerTensor::kValue, "self_attn.v_proj.weight", "attn_v.weight"},
    {LayerTensor::kQueryBias, "self_attn.q_proj.bias", "attn_q.bias"},
    {LayerTensor::kKeyBias, "self_attn.k_proj.bias", "attn_k.bias"},
    {LayerTensor::kValueBias, "self_attn.v_proj.bias", "attn_v.bias"},
}};
inline constexpr NameRows<2> kOutputNames{{
    {LayerTensor::kOutput, "self_attn.o_proj.weight", "attn_output.weight"},
    {LayerTensor::kOutputBias, "self_attn.o_proj.bias", "attn_output.bias"},
}};
inline constexpr NameRows<2> kHeadNormNames{{
    {LayerTensor::kQueryNorm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
    {LayerTensor::kKeyNorm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
}};
inline constexpr NameRows<4> kGateNames{{
    {LayerTensor::kGate, "mlp.gate_proj.weight", "ffn_gate.weight"},
    {LayerTensor::kUp, "mlp.up_proj.weight", "ffn_up.weight"},
    {LayerTensor::kGateBias, "mlp.gate_proj.bias", "ffn_gate.bias"},
    {LayerTensor::kUpBias, "mlp.up_proj.bias", "ffn_up.bias"},
}};
inline constexpr NameRows<2> kDownNames{{
    {LayerTensor::kDown, "mlp.down_proj.weight", "ffn_down.weight"},
    {LayerTensor::kDownBias, "mlp.down_proj.bias", "ffn_down.bias"},
}};

inline constexpr NameRows<18> kPlainNames =
    kNormsBefore + kInputNames + kOutputNames + kHeadNormNames + kGateNames + kDownNames;

}  // namespace headwise
