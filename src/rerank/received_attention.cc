// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/received_attention.h"

namespace headwise {

ReceivedAttention::ReceivedAttention(const ModelConfig& config, int deepest_layer, const PromptLayout& layout,
                                     std::span<const int> segments)
    : layout_(layout), segments_(segments.begin(), segments.end()), means_(segments.size()) {
  for (int layer = 0; layer <= deepest_layer; ++layer) {
    for (int head = 0; head < config.heads; ++head) heads_.push_back({layer, head});
  }
  for (const int index : segments) {
    const PromptSegment& segment = layout.segment(index);
    rows_.push_back({segment.token_begin, segment.tokens});
  }
}

void ReceivedAttention::ask(DecodeRequest& request) {
  request.heads = heads_;
  request.rows = rows_;
  request.on_layer = [this](const LayerAttention& attention) { add(attention); };
}

void ReceivedAttention::add(const LayerAttention& attention) {
  const auto heads = static_cast<int64_t>(attention.heads.size());
  for (size_t place = 0; place < segments_.size(); ++place) {
    const int64_t tokens = layout_.segment(segments_[place]).tokens;
    const SpanKeys keys = attention.keys_of({segments_[place], 0, tokens});
    for (int64_t token = 0; token < tokens; ++token) {
      double sum = 0.0;
      for (int64_t head = 0; head < heads; ++head) {
        sum += static_cast<double>(attention.of(head, static_cast<int64_t>(place))[keys.first + token]);
      }
      const auto counted = static_cast<double>(heads) * static_cast<double>(tokens - token);
      means_[place].push_back(static_cast<float>(sum / counted));
    }
  }
}

}  // namespace headwise
