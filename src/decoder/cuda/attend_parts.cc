// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cuda/attend_parts.h"

namespace headwise::device {
namespace {

constexpr int64_t kPartTokens = 1024;  // of whole runs
constexpr int64_t kMostRows = 256;     // of a segment: more keep a card busy by themselves

// Parts of the runs that a segment sees; its own goes with the last of them.
std::vector<std::pair<int32_t, int32_t>> parts_of(const PromptLayout& prompt, const PromptSegment& segment) {
  std::vector<std::pair<int32_t, int32_t>> parts;
  if (segment.tokens > kMostRows) return parts;
  int64_t all = 0;
  for (const int seen : segment.context) all += prompt.segment(seen).tokens;
  if (all <= 2 * kPartTokens) return parts;
  int64_t tokens = 0;
  int32_t begin = 0;
  for (int32_t run = 0; run < static_cast<int32_t>(segment.context.size()); ++run) {
    const int64_t more = prompt.segment(segment.context[static_cast<size_t>(run)]).tokens;
    if (run > begin && tokens + more > kPartTokens) {
      parts.emplace_back(begin, run);
      begin = run;
      tokens = 0;
    }
    tokens += more;
  }
  parts.emplace_back(begin, static_cast<int32_t>(segment.context.size()) + 1);
  if (parts.size() < 2) parts.clear();
  return parts;
}

}  // namespace

AttendParts::AttendParts(const DecodeRequest& request, const PassPlan& plan) {
  const PromptLayout& prompt = *request.prompt;
  for (size_t s = 0; s < prompt.segments.size(); ++s) {
    const int64_t segment_rows = plan.segments[s].rows;
    first_row.push_back(rows);
    runs.push_back(segment_rows == 0 ? decltype(runs)::value_type{} : parts_of(prompt, prompt.segments[s]));
    rows += segment_rows * static_cast<int64_t>(runs.back().size());
  }
}

}  // namespace headwise::device
