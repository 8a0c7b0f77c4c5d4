// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A prompt that one row tile holds, such as a query alone: products straight from stored weights, and keys
// and values that stay from one prompt to the next.
#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "decoder/cpu/decoder_impl.h"

namespace headwise {

using kernels::kRowTile;

void Decoder::Impl::run_few_rows(int layer, const LayerDemand& demand) {
  const int64_t C = config_.width;
  const int64_t D = config_.head_width;
  const int64_t F = config_.ffn_width;
  const RowTile& tile = whole_tiles_.front();
  const int64_t T = tile.rows;
  WorkerScratch& scratch = workers_.front();
  const auto vector = [&](LayerTensor tensor) { return weights_.values(layer, tensor); };
  const auto head_rows = [&](AlignedBuffer<float>& of, int64_t head) {
    return of.data() + head * kRowTile * D;
  };

  float* normed = scratch.normed.data();
  norm_rows(vector(LayerTensor::kAttentionNorm), tile, T, normed);
  std::vector<StoredProduct> products;
  std::vector<int> query_heads = demand.query_heads;
  std::vector<int> key_heads = demand.key_heads;
  if (demand.whole) {
    query_heads.resize(static_cast<size_t>(config_.heads));
    key_heads.resize(static_cast<size_t>(config_.kv_heads));
    std::iota(query_heads.begin(), query_heads.end(), 0);
    std::iota(key_heads.begin(), key_heads.end(), 0);
    for (const int head : key_heads) {
      products.push_back({LayerTensor::kValue, head * D, D, normed, head_rows(few_values_, head), D});
    }
  }
  for (const int head : key_heads) {
    products.push_back({LayerTensor::kKey, head * D, D, normed, head_rows(few_keys_, head), D});
  }
  for (const int head : query_heads) {
    products.push_back({LayerTensor::kQuery, head * D, D, normed, queries_of(head), D});
  }
  few_products_.run(layer, T, products);
  const std::vector<float> query_norm = vector(LayerTensor::kQueryNorm);
  const std::vector<float> key_norm = vector(LayerTensor::kKeyNorm);
  for (const int head : query_heads) rotate_rows(query_norm, tile, queries_of(head), query_scale());
  for (const int head : key_heads) {
    rotate_rows(key_norm, tile, head_rows(few_keys_, head), 1.0f);
    store_keys(head_rows(few_keys_, head), head, tile);
    if (demand.whole) store_values(head_rows(few_values_, head), head, tile);
  }
  if (!demand.whole) return;

  attend();
  float* hidden = buffers_.hidden_TC.data();
  float* projected = scratch.projected.data();
  const auto project = [&](const float* x, LayerTensor matrix) {
    const StoredProduct product{matrix, 0, C, x, projected, C};
    few_products_.run(layer, T, {&product, 1});
    ops_.add(hidden, projected, T * C);
  };
  project(buffers_.mixed_THD.data(), LayerTensor::kOutput);
  norm_rows(vector(LayerTensor::kFfnNorm), tile, T, normed);
  float* gate = scratch.gate.data();
  const StoredProduct gate_and_up[] = {{LayerTensor::kGate, 0, F, normed, gate, F},
                                       {LayerTensor::kUp, 0, F, normed, projected, F}};
  few_products_.run(layer, T, gate_and_up);
  ops_.silu_multiply(gate, projected, T * F);
  project(gate, LayerTensor::kDown);
}

void Decoder::Impl::place_kept(const KeptTokens& kept, int layer) {
  HW_CHECK(static_cast<size_t>(layer) < kept.layers.size());
  const KeptTokens::Layer& from = kept.layers[static_cast<size_t>(layer)];
  const int64_t tile = kernels::kKeyTile * config_.head_width;
  const int64_t width = kernels::padded_width(config_.head_width);
  for (int64_t head = 0; head < config_.kv_heads; ++head) {
    std::copy_n(from.keys.data() + head * tile, tile,
                buffers_.key_KS.data() + head * prompt_->key_count * config_.head_width);
    std::copy_n(from.values.data() + head * kept.tokens * width, kept.tokens * width,
                buffers_.value_KS.data() + head * prompt_->key_count * width);
  }
}

void Decoder::Impl::keep_tokens(KeptTokens& kept) const {
  const int64_t tile = kernels::kKeyTile * config_.head_width;
  const int64_t width = kernels::padded_width(config_.head_width);
  kept.tokens = prompt_->segments.front().tokens;
  KeptTokens::Layer& to = kept.layers.emplace_back();
  for (int64_t head = 0; head < config_.kv_heads; ++head) {
    const float* keys = buffers_.key_KS.data() + head * prompt_->key_count * config_.head_width;
    to.keys.insert(to.keys.end(), keys, keys + tile);
    const float* values = buffers_.value_KS.data() + head * prompt_->key_count * width;
    to.values.insert(to.values.end(), values, values + kept.tokens * width);
  }
}

}  // namespace headwise
