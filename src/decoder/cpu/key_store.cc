// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/key_store.h"

#include <algorithm>
#include <cstring>

namespace headwise {

using kernels::KeyBlock;
using kernels::kKeyTile;
using kernels::stored_keys;
using kernels::tile_width;

void KeyStore::prepare(const ModelConfig& config, const PromptLayout& prompt, const PassPlan& plan) {
  config_ = &config;
  prompt_ = &prompt;
  plan_ = &plan;
  value_width_ = kernels::padded_width(config.head_width);
  const int64_t slots = config.kv_heads * plan.stored_keys;
  keys_.reserve(static_cast<size_t>(slots * config.head_width));
  values_.reserve(static_cast<size_t>(slots * value_width_));
  // Slots where no token is are multiplied too, by zero: they must hold finite numbers.
  std::fill_n(keys_.data(), slots * config.head_width, 0.0f);
  std::fill_n(values_.data(), slots * value_width_, 0.0f);
  place_of_row_.clear();
  contexts_before_.assign(1, 0);
  most_keys_seen_ = 0;
  for (size_t s = 0; s < prompt.segments.size(); ++s) {
    const SegmentPlace& place = plan.segments[s];
    for (int64_t i = 0; i < place.rows; ++i) {
      const int64_t first = i / kKeyTile * kKeyTile;
      const int64_t tile = (place.store + first) * config.head_width;
      place_of_row_.push_back({place.store + i, tile + i - first, tile_width(place.rows, first)});
    }
    const std::vector<int>& context = prompt.segments[s].context;
    contexts_before_.push_back(contexts_before_.back() + context.size());
    int64_t seen = stored_keys(place.rows);
    for (const int earlier : context) seen += stored_keys(prompt.segment(earlier).tokens);
    most_keys_seen_ = std::max(most_keys_seen_, seen);
  }
}

void KeyStore::begin_layer(int layer) {
  layer_ = layer;
  const size_t segments = prompt_->segments.size();
  seen_.clear();
  own_.clear();
  for (int64_t head = 0; head < config_->kv_heads; ++head) {
    const size_t first = own_.size();
    for (size_t s = 0; s < segments; ++s) own_.push_back(block(static_cast<int>(s), head));
    for (size_t s = 0; s < segments; ++s) {
      for (const int earlier : prompt_->segments[s].context) {
        seen_.push_back(own_[first + static_cast<size_t>(earlier)]);
      }
    }
  }
  layer_keys_.clear();
  for (size_t s = 0; s < segments; ++s) {
    LayerKeys keys{plan_->segments[s].place, own_[s].count, {}};
    if (const CpuKeptSegment* given = plan_->segments[s].given) keys.tokens = given->layer(layer).kept;
    layer_keys_.push_back(keys);
  }
}

KeyBlock KeyStore::block(int segment, int64_t kv_head) const {
  const SegmentPlace& place = plan_->segment(segment);
  KeyBlock block;
  if (place.given != nullptr) {
    block = place.given->block(layer_, kv_head);
  } else {
    const int64_t slot = store_keys_of(kv_head) + place.store;
    block.keys = keys_.data() + slot * config_->head_width;
    block.values = values_.data() + slot * value_width_;
    block.count = place.rows;
    block.first_position = prompt_->segment(segment).first_position;
  }
  block.place = place.place;
  return block;
}

void KeyStore::store_keys(const float* x, int64_t kv_head, int64_t begin, int64_t rows) {
  const int64_t D = config_->head_width;
  float* keys = keys_.data() + store_keys_of(kv_head) * D;
  for (int64_t row = 0; row < rows; ++row) {
    const KeyPlace& place = place_of_row_[static_cast<size_t>(begin + row)];
    float* column = keys + place.column;
    for (int64_t d = 0; d < D; ++d) column[d * place.stride] = x[row * D + d];
  }
}

void KeyStore::store_values(const float* x, int64_t kv_head, int64_t begin, int64_t rows) {
  const int64_t D = config_->head_width;
  float* values = values_.data() + store_keys_of(kv_head) * value_width_;
  for (int64_t row = 0; row < rows; ++row) {
    const KeyPlace& place = place_of_row_[static_cast<size_t>(begin + row)];
    std::copy_n(x + row * D, D, values + place.slot * value_width_);
  }
}

kernels::Visibility KeyStore::seen_by(int segment, int64_t kv_head, int64_t first_row) const {
  const auto head = static_cast<size_t>(kv_head);
  const auto s = static_cast<size_t>(segment);
  const size_t contexts = contexts_before_[s + 1] - contexts_before_[s];
  const KeyBlock* context = seen_.data() + head * contexts_before_.back() + contexts_before_[s];
  return {{context, contexts}, own_[head * prompt_->segments.size() + s], first_row};
}

void KeyStore::keep(int segment, CpuKeptBuilder& kept) const {
  const KeptImageLayout& to = kept.layout();
  if (layer_ >= static_cast<int>(to.layers().size())) return;
  for (int64_t head = 0; head < config_->kv_heads; ++head) {
    const size_t place = static_cast<size_t>(head) * prompt_->segments.size() + static_cast<size_t>(segment);
    const KeyBlock& from = own_[place];
    std::memcpy(kept.at(to.keys(layer_, head).numbers), from.keys, to.key_bytes(layer_));
    if (!to.layers()[static_cast<size_t>(layer_)].values) continue;
    std::memcpy(kept.at(to.values(layer_, head).numbers), from.values, to.value_bytes(layer_));
  }
}

}  // namespace headwise
