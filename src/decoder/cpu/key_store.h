// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: keys and values of one layer of a pass, of the segments whose tokens run, and the blocks
// that each segment's rows see, fresh and given. Filled layer by layer in the same memory.
//
// Thread rule: tasks store different rows or heads at once; begin_layer and keep are the pass's own.
#pragma once

#include <cstdint>
#include <vector>

#include "base/aligned_buffer.h"
#include "decoder/cpu/pass_plan.h"
#include "headwise/model_config.h"
#include "kernels/kernels.h"

namespace headwise {

class KeyStore {
 public:
  // Until the next call; all three must live as long.
  void prepare(const ModelConfig& config, const PromptLayout& prompt, const PassPlan& plan);
  void begin_layer(int layer);

  // Rows [rows, D] of the pass from `begin` on, one kv head.
  void store_keys(const float* x, int64_t kv_head, int64_t begin, int64_t rows);
  void store_values(const float* x, int64_t kv_head, int64_t begin, int64_t rows);

  // What rows of a segment see, from its row `first_row` on.
  kernels::Visibility seen_by(int segment, int64_t kv_head, int64_t first_row) const;
  // Most columns of tiles that rows of any segment see.
  int64_t most_keys_seen() const { return most_keys_seen_; }
  // By segment, of the layer in hand.
  const std::vector<LayerKeys>& layer_keys() const { return layer_keys_; }
  // Copies what the layer in hand has of a segment that ran, as far as the image has room for the layer.
  void keep(int segment, CpuKeptBuilder& kept) const;

 private:
  // Where a row's key and value stand among those of a kv head.
  struct KeyPlace {
    int64_t slot;    // its row of values
    int64_t column;  // its key's first number; the others follow `stride` apart
    int64_t stride;
  };
  kernels::KeyBlock block(int segment, int64_t kv_head) const;
  int64_t store_keys_of(int64_t kv_head) const { return kv_head * plan_->stored_keys; }

  const ModelConfig* config_ = nullptr;
  const PromptLayout* prompt_ = nullptr;
  const PassPlan* plan_ = nullptr;
  int layer_ = 0;
  int64_t value_width_ = 0;
  int64_t most_keys_seen_ = 0;
  AlignedBuffer<float> keys_;    // per kv head and segment: tiles [D][tile_width]
  AlignedBuffer<float> values_;  // per kv head: [slot, padded D]
  std::vector<KeyPlace> place_of_row_;
  std::vector<size_t> contexts_before_;  // of all segments before this one
  std::vector<kernels::KeyBlock> seen_;  // [kv head][segment][its context]
  std::vector<kernels::KeyBlock> own_;   // [kv head][segment]
  std::vector<LayerKeys> layer_keys_;
};

}  // namespace headwise
