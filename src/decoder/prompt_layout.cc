// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/prompt_layout.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace headwise {

int PromptLayout::add_segment(const std::vector<int32_t>& segment_ids, int64_t first_position,
                              std::vector<int> context) {
  const int index = static_cast<int>(segments.size());
  HW_CHECK(!segment_ids.empty());
  HW_CHECK(std::all_of(context.begin(), context.end(), [&](int seen) { return seen >= 0 && seen < index; }));
  segments.push_back(
      {tokens(), static_cast<int64_t>(segment_ids.size()), first_position, std::move(context)});
  for (size_t i = 0; i < segment_ids.size(); ++i) {
    ids.push_back(segment_ids[i]);
    positions.push_back(static_cast<int32_t>(first_position + static_cast<int64_t>(i)));
  }
  return index;
}

std::span<const int32_t> PromptLayout::ids_of(int index) const {
  const PromptSegment& of = segment(index);
  return std::span(ids).subspan(static_cast<size_t>(of.token_begin), static_cast<size_t>(of.tokens));
}

int PromptLayout::segment_of(int64_t token) const {
  const auto after = std::upper_bound(
      segments.begin(), segments.end(), token,
      [](int64_t wanted, const PromptSegment& segment) { return wanted < segment.token_begin; });
  HW_CHECK(after != segments.begin() && token < tokens());
  return static_cast<int>(after - segments.begin()) - 1;
}

}  // namespace headwise
