// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the read heads of one layer looked at, as a pass hands it out. Which keys a segment
// has is a matter of the layer: one that was given may keep fewer tokens in some layers than in others, so
// whoever sums over a passage asks here, layer by layer, where its keys are and which tokens they belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "decoder/prompt_layout.h"

namespace headwise {

// The keys that a segment has in one layer.
struct LayerKeys {
  int64_t first = 0;  // place of its first key in the sums
  int64_t count = 0;
  std::span<const int32_t>
      tokens;  // the segment's tokens that they belong to, ascending; empty: all (or none, by `count`)
};

// The keys that a span of tokens has in one layer: keys [first, first + count).
struct SpanKeys {
  int64_t first = 0;
  int64_t count = 0;
  std::span<const int32_t> tokens;  // as in LayerKeys
  int64_t span_first = 0;

  // Place of key i's token in the span.
  int64_t token(int64_t i) const {
    return tokens.empty() ? i : static_cast<int64_t>(tokens[static_cast<size_t>(i)]) - span_first;
  }
};

// sums[(head * groups + group) * key_count + key]: attention of the group's rows to the key, summed over the
// rows; `heads` are the layer's read heads in ascending order. Lives as long as the call it is given to.
struct LayerAttention {
  int layer = 0;
  std::span<const int> heads;
  int64_t groups = 0;
  int64_t key_count = 0;
  const float* sums = nullptr;
  std::span<const LayerKeys> segments;  // by segment of the layout

  const float* of(int64_t head_place, int64_t group) const {
    return sums + (head_place * groups + group) * key_count;
  }
  SpanKeys keys_of(const TokenSpan& span) const;
};

}  // namespace headwise
