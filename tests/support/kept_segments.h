// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: kept segments of random numbers, as a pass would leave them: for tests of what is done
// with them.
#pragma once

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "decoder/cpu/cpu_kept_segment.h"

namespace headwise {

// fp32 and whole: `layers` layers, the last one without values where `deepest`.
inline std::shared_ptr<const CpuKeptSegment> random_kept(int64_t tokens, int layers, int64_t head_width,
                                                         int64_t kv_heads, bool deepest, uint64_t seed) {
  std::vector<KeptLayer> rows;
  for (int i = 0; i < layers; ++i) rows.push_back(KeptLayer::all(tokens, !deepest || i + 1 < layers));
  const KeptShape shape{KeptType::kFloat32, head_width, kv_heads, tokens, 7};
  CpuKeptBuilder builder(KeptImageLayout::make(shape, rows).value());
  std::mt19937_64 random(seed);
  std::normal_distribution<float> number(0.0f, 1.0f);
  const auto floats = [&](size_t place) { return reinterpret_cast<float*>(builder.at(place)); };
  const int64_t padded = kernels::padded_width(head_width);
  for (int layer = 0; layer < layers; ++layer) {
    for (int64_t head = 0; head < kv_heads; ++head) {
      float* keys = floats(builder.layout().keys(layer, head).numbers);
      for (int64_t key = 0; key < tokens; ++key) {
        const int64_t first = key / kernels::kKeyTile * kernels::kKeyTile;
        for (int64_t d = 0; d < head_width; ++d) {
          keys[first * head_width + d * kernels::tile_width(tokens, first) + key - first] = number(random);
        }
      }
      if (!rows[static_cast<size_t>(layer)].values) continue;
      float* values = floats(builder.layout().values(layer, head).numbers);
      for (int64_t key = 0; key < tokens; ++key) {
        for (int64_t d = 0; d < head_width; ++d) values[key * padded + d] = number(random);
      }
    }
  }
  return std::move(builder).finish();
}

}  // namespace headwise
