// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/prompt_layout.h"

#include <utility>

#include "base/check.h"

namespace headwise {

int PromptLayout::add_segment(const std::vector<int32_t>& segment_ids, int64_t first_position,
                              std::vector<kernels::KeyRange> context) {
  HW_CHECK(!segment_ids.empty());
  PromptSegment segment;
  segment.token_begin = tokens();
  segment.tokens = static_cast<int64_t>(segment_ids.size());
  segment.key_begin = key_count;
  segment.context = std::move(context);
  key_count = kernels::round_up(key_count + segment.tokens, kernels::kKeyTile);
  for (size_t i = 0; i < segment_ids.size(); ++i) {
    ids.push_back(segment_ids[i]);
    positions.push_back(static_cast<int32_t>(first_position + static_cast<int64_t>(i)));
  }
  segments.push_back(std::move(segment));
  return static_cast<int>(segments.size()) - 1;
}

}  // namespace headwise
