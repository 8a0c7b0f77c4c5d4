// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/activations.h"

#include <algorithm>

namespace headwise {

using kernels::kRowTile;

void Activations::prepare(const ModelConfig& config, const PromptLayout& prompt) {
  padded_tokens = kernels::round_up(prompt.tokens(), kRowTile);
  const int64_t D = config.head_width;
  const int64_t value_width = kernels::padded_width(D);
  const auto reserve = [](AlignedBuffer<float>& buffer, int64_t count) {
    buffer.reserve(static_cast<size_t>(count));
  };
  reserve(hidden_TC, padded_tokens * config.width);
  reserve(query_HTD, config.heads * padded_tokens * D);
  reserve(key_KS, config.kv_heads * prompt.key_count * D);
  reserve(value_KS, config.kv_heads * prompt.key_count * value_width);
  reserve(mixed_THD, padded_tokens * config.heads * D);
  // Padding slots and rows are multiplied too (by zero, or into rows that nobody reads): they must hold
  // finite numbers.
  std::fill_n(key_KS.data(), config.kv_heads * prompt.key_count * D, 0.0f);
  std::fill_n(value_KS.data(), config.kv_heads * prompt.key_count * value_width, 0.0f);
  const int64_t tokens = prompt.tokens();
  std::fill_n(hidden_TC.data() + tokens * config.width, (padded_tokens - tokens) * config.width, 0.0f);
  std::fill_n(mixed_THD.data() + tokens * config.heads * D, (padded_tokens - tokens) * config.heads * D,
              0.0f);
  slot_of_T.clear();
  for (const PromptSegment& segment : prompt.segments) {
    for (int64_t i = 0; i < segment.tokens; ++i) slot_of_T.push_back(segment.key_begin + i);
  }
}

void WorkerScratch::prepare(const ModelConfig& config, int64_t key_count) {
  const auto rows = static_cast<size_t>(kRowTile);
  const auto C = static_cast<size_t>(config.width);
  const auto F = static_cast<size_t>(config.ffn_width);
  normed.reserve(rows * C);
  projected.reserve(rows * std::max({C, F, static_cast<size_t>(config.head_width)}));
  gate.reserve(rows * F);
  attention.reserve(static_cast<size_t>(
      std::max(kernels::attend_scratch(config.head_width), kernels::read_scratch(key_count))));
}

}  // namespace headwise
