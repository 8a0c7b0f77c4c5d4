// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a kept segment as the CPU reads it: fp32 tiles of keys and padded rows of values, one
// buffer a head, which attention reads where they are.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "decoder/kept_segment.h"
#include "decoder/prompt_layout.h"
#include "headwise/error.h"
#include "headwise/model_config.h"
#include "kernels/kernels.h"

namespace headwise {

class CpuKeptSegment final : public KeptSegment {
 public:
  // One layer; buffers by kv head, without memory where the head was not kept.
  struct Layer {
    std::vector<AlignedBuffer<float>> keys;    // tiles [D][tile_width]
    std::vector<AlignedBuffer<float>> values;  // [stored_keys(count), padded D]
    std::vector<int32_t> tokens;               // kept of the segment; empty: all
    int64_t count = 0;
  };

  CpuKeptSegment(const PromptSegment& segment, const ModelConfig& config)
      : tokens_(segment.tokens),
        first_position_(segment.first_position),
        head_width_(config.head_width),
        kv_heads_(config.kv_heads) {}

  int64_t tokens() const override { return tokens_; }
  int64_t first_position() const override { return first_position_; }
  int layers() const override { return static_cast<int>(layers_.size()); }
  size_t bytes() const override;
  std::vector<float> keys(int layer, int kv_head) const override;
  std::vector<float> values(int layer, int kv_head) const override;
  std::span<const std::byte> image() const override;
  std::shared_ptr<const KeptSegment> reduced(const KeptForm& form,
                                             std::span<const float> received) const override;

  const Layer& layer(int index) const { return layers_[static_cast<size_t>(index)]; }
  Layer& add_layer() { return layers_.emplace_back(); }
  // `place` is left to the pass.
  kernels::KeyBlock block(int layer, int64_t kv_head) const;
  // kInvalidInput when it was made of another segment or another model's shape.
  Status check_fits(const PromptSegment& segment, const ModelConfig& config) const;
  // Keys of these kv heads; of all of them and values too where a layer runs whole.
  bool has(int layer, bool whole, const std::vector<int>& key_heads) const;

 private:
  int64_t tokens_;
  int64_t first_position_;
  int64_t head_width_;
  int64_t kv_heads_;
  std::vector<Layer> layers_;
};

}  // namespace headwise
