// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where everything stands in the bytes of a kept segment (KeptSegment::image): a header,
// a row for each layer, the tokens kept in layers that do not keep all, then the blocks of one layer after
// the other. Header, lists and blocks begin on multiples of 64. All places follow from the header's numbers:
// a reader works them out again and compares, so an image is either whole or refused.
//
// A layer has the keys of every kv head, then, where it is kept whole, their values. fp32 and bf16 blocks are
// key tiles and rows of values as attention reads them (kernels/key_tiles.h); int8 blocks likewise, each
// followed by its scales: one a dimension for keys, one a row for values. Numbers are in the machine's order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "decoder/kept_segment.h"
#include "headwise/error.h"
#include "headwise/keep.h"

namespace headwise {

// What an image is of.
struct KeptShape {
  KeptType type = KeptType::kFloat32;
  int64_t head_width = 0;
  int64_t kv_heads = 0;
  int64_t tokens = 0;  // of the segment
  int64_t first_position = 0;
};

// What is kept in one layer.
struct KeptLayer {
  int64_t count = 0;            // keys of each head
  bool values = true;           // beside the keys; the deepest layer has none
  std::vector<int32_t> kept{};  // tokens of the segment, ascending, `count` of them; empty: all, or none

  // Of all tokens of a segment.
  static KeptLayer all(int64_t tokens, bool values) { return {tokens, values, {}}; }
};

// One head's keys or values: places in the image.
struct KeptPlace {
  size_t numbers = 0;
  size_t scales = 0;  // floats; only with KeptType::kInt8
};

class KeptImageLayout {
 public:
  // kResourceLimit when the sizes go beyond 64 bits; kInvalidInput when a layer's tokens are not of the
  // segment.
  static Result<KeptImageLayout> make(const KeptShape& shape, std::vector<KeptLayer> layers);
  // Of what stands in an image, whose head is awaited. kInvalidInput says what is wrong with it.
  static Result<KeptImageLayout> read(std::span<const std::byte> image, const ImageBytes& bytes);
  // Header, table and lists: the image up to its first block.
  void write_head(std::span<std::byte> image) const;

  const KeptShape& shape() const { return shape_; }
  const std::vector<KeptLayer>& layers() const { return layers_; }
  size_t bytes() const { return bytes_; }
  KeptPlace keys(int layer, int64_t kv_head) const;
  KeptPlace values(int layer, int64_t kv_head) const;
  // Where the blocks of a layer end: from the image's begin on.
  size_t end_of(int layer) const;
  // Bytes of one block, and how many scales it has.
  size_t key_bytes(int layer) const { return sizes_[static_cast<size_t>(layer)].keys; }
  size_t value_bytes(int layer) const { return sizes_[static_cast<size_t>(layer)].values; }
  size_t key_scales() const { return static_cast<size_t>(shape_.head_width); }
  size_t value_scales(int layer) const { return sizes_[static_cast<size_t>(layer)].value_scales; }

 private:
  struct Sizes {
    size_t list = 0;    // place of its tokens; 0: none
    size_t first = 0;   // place of its first block
    size_t keys = 0;    // bytes of a block
    size_t values = 0;  // likewise
    size_t value_scales = 0;
    size_t key_step = 0;  // from one head's block to the next one's
    size_t value_step = 0;
  };

  KeptShape shape_;
  std::vector<KeptLayer> layers_;
  std::vector<Sizes> sizes_;
  size_t bytes_ = 0;
};

}  // namespace headwise
