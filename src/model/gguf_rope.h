// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: rotary positions as GGUF metadata say them.
//
// How llama.cpp computes yarn, and so what its keys mean here:
//   rope.scaling.type "yarn"            kind
//   rope.scaling.factor                 factor (absent or 0: 1)
//   rope.scaling.original_context_length  original_context (absent: context_length)
//   rope.scaling.attn_factor or yarn_attn_factor   multiplies 0.1 ln(factor) + 1 to give attention_factor
//   rope.scaling.yarn_beta_fast, yarn_beta_slow    beta_fast, beta_slow (absent: 32, 1)
//   the ramp's ends are always rounded             truncate = true
// Llama-3 scaling has no key: the file holds a tensor, rope_freqs.weight, of frequency divisors. Longrope
// neither: rope_factors_short.weight and rope_factors_long.weight, beside the original context and
// attn_factor.
#pragma once

#include "headwise/error.h"
#include "headwise/model_config.h"
#include "model/families.h"
#include "model/gguf_keys.h"

namespace headwise::gguf {

// Into rope_theta, window_rope_theta, rotary_width, rope_scaling and, where scaling makes it longer, context;
// what is not supported is noted by name. config.head_width and config.context must be read.
Status read_rope(const Keys& keys, const ModelFamily& family, ModelConfig& config);

}  // namespace headwise::gguf
