// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/cpu_kept_segment.h"

#include <algorithm>
#include <string>

namespace headwise {

using kernels::kKeyTile;
using kernels::tile_width;

size_t CpuKeptSegment::bytes() const {
  size_t total = 0;
  for (const Layer& layer : layers_) {
    for (const auto* buffers : {&layer.keys, &layer.values}) {
      for (const AlignedBuffer<float>& buffer : *buffers) total += buffer.capacity() * sizeof(float);
    }
    total += layer.tokens.size() * sizeof(int32_t);
  }
  return total;
}

std::vector<float> CpuKeptSegment::keys(int layer, int kv_head) const {
  const Layer& from = this->layer(layer);
  const AlignedBuffer<float>& tiles = from.keys[static_cast<size_t>(kv_head)];
  std::vector<float> rows;
  for (int64_t key = 0; tiles.capacity() > 0 && key < from.count; ++key) {
    const int64_t first = key / kKeyTile * kKeyTile;
    const float* column = tiles.data() + first * head_width_ + key - first;
    const int64_t stride = tile_width(from.count, first);
    for (int64_t d = 0; d < head_width_; ++d) rows.push_back(column[d * stride]);
  }
  return rows;
}

std::vector<float> CpuKeptSegment::values(int layer, int kv_head) const {
  const Layer& from = this->layer(layer);
  const AlignedBuffer<float>& padded = from.values[static_cast<size_t>(kv_head)];
  std::vector<float> rows;
  for (int64_t key = 0; padded.capacity() > 0 && key < from.count; ++key) {
    const float* row = padded.data() + key * kernels::padded_width(head_width_);
    rows.insert(rows.end(), row, row + head_width_);
  }
  return rows;
}

std::span<const std::byte> CpuKeptSegment::image() const { return {}; }

std::shared_ptr<const KeptSegment> CpuKeptSegment::reduced(const KeptForm&, std::span<const float>) const {
  return nullptr;
}

kernels::KeyBlock CpuKeptSegment::block(int layer, int64_t kv_head) const {
  const Layer& from = this->layer(layer);
  kernels::KeyBlock block;
  block.keys = from.keys[static_cast<size_t>(kv_head)].data();
  block.values = from.values[static_cast<size_t>(kv_head)].data();
  block.count = from.count;
  block.first_position = first_position_;
  return block;
}

Status CpuKeptSegment::check_fits(const PromptSegment& segment, const ModelConfig& config) const {
  if (config.head_width != head_width_ || config.kv_heads != kv_heads_) {
    return fail(ErrorCode::kInvalidInput, "kept keys and values have " + std::to_string(kv_heads_) +
                                              " heads of width " + std::to_string(head_width_) +
                                              "; the model has " + std::to_string(config.kv_heads) +
                                              " of width " + std::to_string(config.head_width));
  }
  if (segment.tokens != tokens_ || segment.first_position != first_position_) {
    return fail(ErrorCode::kInvalidInput,
                "kept keys and values are of " + std::to_string(tokens_) + " tokens from position " +
                    std::to_string(first_position_) + "; the prompt has " + std::to_string(segment.tokens) +
                    " from position " + std::to_string(segment.first_position) + " in their place");
  }
  return {};
}

bool CpuKeptSegment::has(int layer, bool whole, const std::vector<int>& key_heads) const {
  if (layer >= layers()) return false;
  const Layer& kept = this->layer(layer);
  const auto held = [](const AlignedBuffer<float>& buffer) { return buffer.capacity() > 0; };
  if (whole) {
    return std::all_of(kept.keys.begin(), kept.keys.end(), held) &&
           std::all_of(kept.values.begin(), kept.values.end(), held);
  }
  return std::all_of(key_heads.begin(), key_heads.end(),
                     [&](int head) { return held(kept.keys[static_cast<size_t>(head)]); });
}

Result<std::shared_ptr<const KeptSegment>> read_kept_segment(std::span<const std::byte>,
                                                             std::shared_ptr<const void>) {
  return fail(ErrorCode::kUnsupported, "images are not read yet");
}

}  // namespace headwise
