// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/cpu_kept_segment.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "kernels/key_tiles.h"

namespace headwise {

std::vector<float> CpuKeptSegment::keys(int layer, int kv_head) const {
  const int64_t width = layout_.shape().head_width;
  const int64_t count = this->layer(layer).count;
  const kernels::KeyBlock block = this->block(layer, kv_head);
  std::vector<float> tile(static_cast<size_t>(kernels::kKeyTile * width));
  std::vector<float> rows(static_cast<size_t>(count * width));
  for (int64_t first = 0; first < count; first += kernels::kKeyTile) {
    const int64_t stride = kernels::tile_width(count, first);
    decode_key_tile(block, first, width, tile.data());
    for (int64_t i = 0; i < std::min(count - first, stride); ++i) {
      for (int64_t d = 0; d < width; ++d) {
        rows[static_cast<size_t>((first + i) * width + d)] = tile[static_cast<size_t>(d * stride + i)];
      }
    }
  }
  return rows;
}

std::vector<float> CpuKeptSegment::values(int layer, int kv_head) const {
  if (!this->layer(layer).values) return {};
  const int64_t width = layout_.shape().head_width;
  const int64_t padded = kernels::padded_width(width);
  const kernels::KeyBlock block = this->block(layer, kv_head);
  std::vector<float> tile(static_cast<size_t>(kernels::kKeyTile * padded));
  std::vector<float> rows;
  for (int64_t key = 0; key < block.count; ++key) {
    const int64_t place = key % kernels::kKeyTile;
    if (place == 0) decode_value_tile(block, key, width, tile.data());
    const float* row = tile.data() + place * padded;
    rows.insert(rows.end(), row, row + width);
  }
  return rows;
}

kernels::KeyBlock CpuKeptSegment::block(int layer, int64_t kv_head) const {
  const KeptLayer& from = this->layer(layer);
  kernels::KeyBlock block;
  block.count = from.count;
  block.first_position = first_position();
  if (!from.kept.empty()) block.tokens = from.kept.data();
  block.type = layout_.shape().type;
  if (from.count == 0) return block;
  bytes_->await(layout_.end_of(layer));
  const KeptPlace keys = layout_.keys(layer, kv_head);
  block.keys = image_.data() + keys.numbers;
  const bool scaled = block.type == KeptType::kInt8;
  if (scaled) block.key_scales = reinterpret_cast<const float*>(image_.data() + keys.scales);
  if (!from.values) return block;
  const KeptPlace values = layout_.values(layer, kv_head);
  block.values = image_.data() + values.numbers;
  if (scaled) block.value_scales = reinterpret_cast<const float*>(image_.data() + values.scales);
  return block;
}

std::span<const std::byte> CpuKeptSegment::image() const {
  bytes_->await(image_.size());
  return image_;
}

Status CpuKeptSegment::check_fits(const PromptSegment& segment, const ModelConfig& config) const {
  const KeptShape& shape = layout_.shape();
  if (config.head_width != shape.head_width || config.kv_heads != shape.kv_heads) {
    return fail(ErrorCode::kInvalidInput, "kept keys and values have " + std::to_string(shape.kv_heads) +
                                              " heads of width " + std::to_string(shape.head_width) +
                                              "; the model has " + std::to_string(config.kv_heads) +
                                              " of width " + std::to_string(config.head_width));
  }
  if (segment.tokens != shape.tokens || segment.first_position != shape.first_position) {
    return fail(ErrorCode::kInvalidInput, "kept keys and values are of " + std::to_string(shape.tokens) +
                                              " tokens from position " +
                                              std::to_string(shape.first_position) + "; the prompt has " +
                                              std::to_string(segment.tokens) + " from position " +
                                              std::to_string(segment.first_position) + " in their place");
  }
  return {};
}

CpuKeptBuilder::CpuKeptBuilder(KeptImageLayout layout)
    : layout_(std::move(layout)), image_(std::make_shared<AlignedBuffer<std::byte>>(layout_.bytes())) {
  std::memset(image_->data(), 0, layout_.bytes());
  layout_.write_head({image_->data(), layout_.bytes()});
}

std::shared_ptr<const CpuKeptSegment> CpuKeptBuilder::finish() && {
  const std::span<const std::byte> image{image_->data(), layout_.bytes()};
  return std::make_shared<CpuKeptSegment>(std::move(layout_), image, held(std::move(image_)));
}

std::shared_ptr<const ImageBytes> held(std::shared_ptr<const void> owner) {
  struct Held final : ImageBytes {
    std::shared_ptr<const void> owner;
  };
  auto bytes = std::make_shared<Held>();
  bytes->owner = std::move(owner);
  return bytes;
}

Result<std::shared_ptr<const KeptSegment>> read_kept_segment(std::span<const std::byte> image,
                                                             std::shared_ptr<const ImageBytes> bytes) {
  auto layout = KeptImageLayout::read(image, *bytes);
  HW_RETURN_IF_ERROR(layout);
  return std::make_shared<CpuKeptSegment>(std::move(*layout), image, std::move(bytes));
}

}  // namespace headwise
