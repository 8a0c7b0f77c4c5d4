// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the forward pass of a decoder language model over one prompt, layer by layer to the
// deepest head that is read, handing out the attention that chosen rows pay to every key. All tokens go
// through a layer before the next one starts, so keys and values of one layer only are in memory.
//
// A prompt of no more than a row tile (64 tokens) is multiplied straight from stored weights
// (stored_products.h): packing them would take longer than the products. Its last bits are not those that the
// same tokens would have in a longer prompt.
//
// Cost: 2 * (weights of the layers run) * T + 4 * H * D * (visible pairs) flops; memory about T * (3C +
// 2(H+K)D) floats plus a few row tiles of 64 per thread. Thread rule: one Decoder, one caller at a time; it
// uses its own pool. Source: Touvron et al. 2023 (Llama), Yang et al. 2024 (Qwen2), Qwen team 2025 (Qwen3:
// q/k norm).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "decoder/prompt_layout.h"
#include "headwise/error.h"
#include "headwise/head_selection.h"
#include "headwise/progress.h"
#include "model/weights.h"

namespace headwise {

// Query rows whose attention is wanted, summed: tokens [token_begin, token_begin + tokens) of one segment.
struct RowGroup {
  int64_t token_begin = 0;
  int64_t tokens = 0;
};

// What one layer's heads looked at. sums[(head * groups + group) * key_count + key]: attention of the group's
// rows to the key, summed over the rows; `heads` are the layer's read heads in ascending order.
struct LayerAttention {
  int layer = 0;
  std::span<const int> heads;
  int64_t groups = 0;
  int64_t key_count = 0;
  const float* sums = nullptr;

  const float* of(int64_t head_place, int64_t group) const {
    return sums + (head_place * groups + group) * key_count;
  }
};

// Keys and values, of every layer that ran, of the tokens that one pass had and later ones begin with.
struct KeptTokens {
  struct Layer {
    std::vector<float> keys;    // [K, D, 64]: one storage tile
    std::vector<float> values;  // [K, tokens, padded D]
  };
  int64_t tokens = 0;  // at most kKeyTile
  std::vector<Layer> layers;
};

struct DecodeRequest {
  const PromptLayout* prompt = nullptr;
  std::span<const HeadId> heads;   // heads to read, any order
  std::span<const RowGroup> rows;  // groups of query rows
  bool full_depth = false;         // run every layer whole
  std::function<void(const LayerAttention&)>
      on_layer;  // called once per layer with read heads, in layer order
  // For tests and embeddings: hidden states [T, C] after a whole layer; null when not wanted. With it layers
  // up to `hidden_until` run whole (-1: all of them), and none after that one.
  std::function<void(int layer, const float* hidden)> on_hidden;
  int hidden_until = -1;
  // Tokens before the prompt: in the first storage tile, which the layout leaves free, for segments that name
  // KeyRange{0, tokens} as their context. They must have been kept by a pass of as many layers.
  const KeptTokens* before = nullptr;
  KeptTokens* keep = nullptr;        // filled with the prompt's own first segment
  ProgressSink* progress = nullptr;  // may be null
};

struct DecodeStatistics {
  int layers_run = 0;
  double read_seconds = 0.0;  // part of the pass spent on reading attention
};

class Decoder {
 public:
  // threads 0: the usable cores. kUsage when HEADWISE_ISA is wrong.
  static Result<Decoder> create(std::shared_ptr<const ModelWeights> weights, int threads);
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  // kCancelled when progress asks to stop (checked once per layer); kResourceLimit when memory runs out.
  Result<DecodeStatistics> run(const DecodeRequest& request);
  int threads() const;

 private:
  class Impl;
  explicit Decoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace headwise
