// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the attention that passages' tokens get from the passages' own rows, which says what
// tokens to keep (BudgetTokens::kReceived). No question has a say in it: what is kept serves all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "decoder/decode_request.h"
#include "decoder/prompt_layout.h"
#include "headwise/model_config.h"

namespace headwise {

class ReceivedAttention {
 public:
  // `segments` are passages of the layout, which must outlive this.
  ReceivedAttention(const ModelConfig& config, int deepest_layer, const PromptLayout& layout,
                    std::span<const int> segments);
  ReceivedAttention(const ReceivedAttention&) = delete;
  ReceivedAttention& operator=(const ReceivedAttention&) = delete;

  // Has the pass read every head at the passages' rows.
  void ask(DecodeRequest& request);
  // Of one of the segments, after the pass: [layers, tokens], the mean over heads and over the rows that see
  // the token, its own among them.
  std::span<const float> of(size_t place) const { return means_[place]; }

 private:
  void add(const LayerAttention& attention);

  const PromptLayout& layout_;
  std::vector<int> segments_;
  std::vector<HeadId> heads_;
  std::vector<RowGroup> rows_;
  std::vector<std::vector<float>> means_;
};

}  // namespace headwise
