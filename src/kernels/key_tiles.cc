// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "kernels/key_tiles.h"

#include <algorithm>
#include <bit>

namespace headwise::kernels {
namespace {

float of_bfloat16(uint16_t number) { return std::bit_cast<float>(static_cast<uint32_t>(number) << 16); }

}  // namespace

void decode_key_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  const int64_t width = tile_width(block.count, first);
  const int64_t begin = first * head_width;
  if (block.type == KeptType::kFloat32) {
    std::copy_n(static_cast<const float*>(block.keys) + begin, head_width * width, out);
    return;
  }
  if (block.type == KeptType::kBfloat16) {
    const auto* from = static_cast<const uint16_t*>(block.keys) + begin;
    for (int64_t i = 0; i < head_width * width; ++i) out[i] = of_bfloat16(from[i]);
    return;
  }
  const auto* from = static_cast<const int8_t*>(block.keys) + begin;
  for (int64_t d = 0; d < head_width; ++d) {
    const float scale = block.key_scales[d];
    for (int64_t i = d * width; i < (d + 1) * width; ++i) out[i] = static_cast<float>(from[i]) * scale;
  }
}

void decode_value_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* out) {
  const int64_t width = tile_width(block.count, first);
  const int64_t stride = padded_width(head_width);
  const int64_t begin = first * stride;
  if (block.type == KeptType::kFloat32) {
    std::copy_n(static_cast<const float*>(block.values) + begin, width * stride, out);
    return;
  }
  if (block.type == KeptType::kBfloat16) {
    const auto* from = static_cast<const uint16_t*>(block.values) + begin;
    for (int64_t i = 0; i < width * stride; ++i) out[i] = of_bfloat16(from[i]);
    return;
  }
  const auto* from = static_cast<const int8_t*>(block.values) + begin;
  for (int64_t key = 0; key < width; ++key) {
    const float scale = first + key < block.count ? block.value_scales[first + key] : 0.0f;
    for (int64_t i = key * stride; i < (key + 1) * stride; ++i) out[i] = static_cast<float>(from[i]) * scale;
  }
}

}  // namespace headwise::kernels
