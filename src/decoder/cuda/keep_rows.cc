// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/keep_rows.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kernels/kernels.h"

namespace headwise::device {

Result<RowKeeper> RowKeeper::make(const DecodeRequest& request, const PassPlan& plan,
                                  const ModelConfig& config) {
  RowKeeper keeper;
  if (request.keep.empty()) return keeper;
  keeper.layers_ = static_cast<int>(plan.keeps_values.size());
  for (const int index : request.keep) {
    const PromptSegment& segment = request.prompt->segment(index);
    const KeptShape shape{KeptType::kFloat32, config.head_width, config.kv_heads, segment.tokens,
                          segment.first_position};
    std::vector<KeptLayer> layers;
    for (const bool values : plan.keeps_values) layers.push_back(KeptLayer::all(segment.tokens, values));
    auto layout = KeptImageLayout::make(shape, std::move(layers));
    HW_RETURN_IF_ERROR(layout);
    keeper.segments_.emplace_back(std::move(*layout));
  }
  return keeper;
}

void RowKeeper::store(size_t i, int layer, const float* rows) {
  CpuKeptBuilder& segment = segments_[i];
  const KeptImageLayout& layout = segment.layout();
  const KeptShape& shape = layout.shape();
  const int64_t D = shape.head_width;
  const int64_t stride = 2 * shape.kv_heads * D;
  const bool with_values = layout.layers()[static_cast<size_t>(layer)].values;
  for (int64_t head = 0; head < shape.kv_heads; ++head) {
    auto* keys = reinterpret_cast<float*>(segment.at(layout.keys(layer, head).numbers));
    auto* values =
        with_values ? reinterpret_cast<float*>(segment.at(layout.values(layer, head).numbers)) : nullptr;
    for (int64_t token = 0; token < shape.tokens; ++token) {
      const float* row = rows + token * stride + head * D;
      const int64_t first = token / kernels::kKeyTile * kernels::kKeyTile;
      const int64_t width = kernels::tile_width(shape.tokens, first);
      for (int64_t d = 0; d < D; ++d) keys[first * D + d * width + token - first] = row[d];
      if (with_values) std::copy_n(row + shape.kv_heads * D, D, values + token * kernels::padded_width(D));
    }
  }
}

std::vector<std::shared_ptr<const KeptSegment>> RowKeeper::finish() && {
  std::vector<std::shared_ptr<const KeptSegment>> kept;
  for (CpuKeptBuilder& segment : segments_) kept.push_back(std::move(segment).finish());
  return kept;
}

}  // namespace headwise::device
