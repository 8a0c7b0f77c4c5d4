// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a kept segment as the CPU reads it: one image (kept_image.h), its own or somebody else's
// memory, whose blocks attention reads where they are; and the builder that a pass fills one with.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "decoder/cpu/kept_image.h"
#include "decoder/kept_segment.h"
#include "decoder/prompt_layout.h"
#include "headwise/error.h"
#include "headwise/model_config.h"
#include "kernels/kernels.h"

namespace headwise {

class CpuKeptSegment final : public KeptSegment {
 public:
  // `image` is of `layout`, its header written; `bytes` has it.
  CpuKeptSegment(KeptImageLayout layout, std::span<const std::byte> image,
                 std::shared_ptr<const ImageBytes> bytes)
      : layout_(std::move(layout)), image_(image), bytes_(std::move(bytes)) {}

  int64_t tokens() const override { return layout_.shape().tokens; }
  int64_t first_position() const override { return layout_.shape().first_position; }
  int layers() const override { return static_cast<int>(layout_.layers().size()); }
  size_t bytes() const override { return image_.size(); }
  std::vector<float> keys(int layer, int kv_head) const override;
  std::vector<float> values(int layer, int kv_head) const override;
  std::span<const std::byte> image() const override;
  bool intact() const override { return bytes_->intact(); }
  std::shared_ptr<const KeptSegment> reduced(const KeptForm& form,
                                             std::span<const float> received) const override;

  const KeptLayer& layer(int index) const { return layout_.layers()[static_cast<size_t>(index)]; }
  const KeptImageLayout& layout() const { return layout_; }
  // Waits until the layer is there. `place` is left to the pass.
  kernels::KeyBlock block(int layer, int64_t kv_head) const;
  // kInvalidInput when it was made of another segment or another model's shape.
  Status check_fits(const PromptSegment& segment, const ModelConfig& config) const;
  // What a pass reads of a layer: the keys, and values too where it runs whole.
  bool has(int layer, bool whole) const { return layer < layers() && (!whole || this->layer(layer).values); }

 private:
  KeptImageLayout layout_;
  std::span<const std::byte> image_;
  std::shared_ptr<const ImageBytes> bytes_;
};

// Fills an image block by block. Bytes that nobody writes are zeros, so equal contents are equal images.
class CpuKeptBuilder {
 public:
  explicit CpuKeptBuilder(KeptImageLayout layout);

  const KeptImageLayout& layout() const { return layout_; }
  std::byte* at(size_t place) { return image_->data() + place; }
  std::shared_ptr<const CpuKeptSegment> finish() &&;

 private:
  KeptImageLayout layout_;
  std::shared_ptr<AlignedBuffer<std::byte>> image_;
};

}  // namespace headwise
