// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: tokens, positions and who may look at whom, for one pass. A prompt is cut into segments;
// the rows of a segment see the whole of some earlier key ranges (its context) and, causally, their own
// segment. Plain causal prompts, block encoding, and a second query that shares the first one's prefix are
// all of this form. What it is not: any idea of passages or queries (src/rerank).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace headwise {

struct PromptSegment {
  int64_t token_begin = 0;
  int64_t tokens = 0;     // at least 1
  int64_t key_begin = 0;  // where its keys are stored: a multiple of kKeyTile
  std::vector<kernels::KeyRange> context;

  kernels::KeyRange keys() const { return {key_begin, key_begin + tokens}; }
};

struct PromptLayout {
  std::vector<int32_t> ids;        // T
  std::vector<int32_t> positions;  // T, for rotary
  std::vector<PromptSegment> segments;
  int64_t key_count = 0;  // storage slots, padding included; a multiple of kKeyTile

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }

  // Appends a segment whose tokens get positions first_position, +1, ...; returns its index.
  int add_segment(const std::vector<int32_t>& segment_ids, int64_t first_position,
                  std::vector<kernels::KeyRange> context);
};

}  // namespace headwise
