// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Tiles of narrow keys and values as fp32, in loops that every compiler makes vectors of; compiled once per
// instruction set. bf16 widens exactly; an int8 number is multiplied by its scale, one rounding: the same
// bits in every table.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/kernels.h"

namespace headwise::kernels {
namespace {

inline void widen_bfloat16(const uint16_t* from, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16);
}

inline void widen_int8(const int8_t* from, int64_t count, float scale, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(from[i]) * scale;
}

void decode_keys(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  const int64_t width = tile_width(block.count, first);
  const int64_t begin = first * head_width;
  if (block.type == KeptType::kFloat32) {
    std::copy_n(static_cast<const float*>(block.keys) + begin, head_width * width, out);
  } else if (block.type == KeptType::kBfloat16) {
    widen_bfloat16(static_cast<const uint16_t*>(block.keys) + begin, head_width * width, out);
  } else {
    const auto* from = static_cast<const int8_t*>(block.keys) + begin;
    for (int64_t d = 0; d < head_width; ++d) {
      widen_int8(from + d * width, width, block.key_scales[d], out + d * width);
    }
  }
}

void decode_values(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  const int64_t width = tile_width(block.count, first);
  const int64_t stride = padded_width(head_width);
  const int64_t begin = first * stride;
  if (block.type == KeptType::kFloat32) {
    std::copy_n(static_cast<const float*>(block.values) + begin, width * stride, out);
  } else if (block.type == KeptType::kBfloat16) {
    widen_bfloat16(static_cast<const uint16_t*>(block.values) + begin, width * stride, out);
  } else {
    const auto* from = static_cast<const int8_t*>(block.values) + begin;
    for (int64_t key = 0; key < width; ++key) {
      const float scale = first + key < block.count ? block.value_scales[first + key] : 0.0f;
      widen_int8(from + key * stride, stride, scale, out + key * stride);
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
