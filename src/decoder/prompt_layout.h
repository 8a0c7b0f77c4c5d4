// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: tokens, positions and who may look at whom, for one pass. A prompt is cut into segments;
// the rows of a segment see the whole of some earlier segments (its context) and, causally, their own. Plain
// causal prompts, block encoding, and a second query that shares the first one's prefix are all of this form.
// What it is not: any idea of passages or queries (src/rerank), or of where a backend keeps its keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace headwise {

struct PromptSegment {
  int64_t token_begin = 0;
  int64_t tokens = 0;          // at least 1
  int64_t first_position = 0;  // the others follow one by one
  std::vector<int> context;    // earlier segments, in the order in which they are read
};

// Tokens [first, first + tokens) of a segment.
struct TokenSpan {
  int segment = 0;
  int64_t first = 0;
  int64_t tokens = 0;
};

struct PromptLayout {
  std::vector<int32_t> ids;        // T
  std::vector<int32_t> positions;  // T, for rotary
  std::vector<PromptSegment> segments;

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  const PromptSegment& segment(int index) const { return segments[static_cast<size_t>(index)]; }
  // The tokens of a segment.
  std::span<const int32_t> ids_of(int index) const;
  // Where a span's first token stands in `ids`.
  int64_t token_of(const TokenSpan& span) const { return segment(span.segment).token_begin + span.first; }
  // The segment that holds a token.
  int segment_of(int64_t token) const;

  // Appends a segment whose tokens get positions first_position, +1, ...; returns its index.
  int add_segment(const std::vector<int32_t>& segment_ids, int64_t first_position, std::vector<int> context);
};

}  // namespace headwise
