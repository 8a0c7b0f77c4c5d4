// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/attend_plan.h"

#include <algorithm>
#include <limits>

#include "kernels/kernels.h"

namespace headwise {
namespace {

using kernels::divide_up;
using kernels::kAttendRows;

// Query rows of a task where there are many: enough to read a tile of keys seldom, few enough that threads
// end together and causal tiles are not mostly hidden.
constexpr int64_t kUsualRows = 72;
// The kernels compute rows in blocks of this many.
constexpr int64_t kBlockRows = 6;
// Passing keys once costs as much as so many rows of work.
constexpr int64_t kRowsOfPassing = 6;
// Fewer keys are not worth going together for.
constexpr int64_t kSharedKeys = 2 * kernels::kKeyTile;

// Segments that go together.
struct Group {
  std::vector<int> segments;
  int64_t shared = 0;  // of each one's context
  int64_t rows = 0;    // query rows
};

int64_t tokens_of(const PromptLayout& prompt, const std::vector<int>& context, int64_t first_segments) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < first_segments; ++i)
    tokens += prompt.segment(context[static_cast<size_t>(i)]).tokens;
  return tokens;
}

// How many segments of the contexts' beginnings are the same; 0 when that is too little of what they see.
int64_t common_context(const PromptLayout& prompt, const std::vector<int>& one,
                       const std::vector<int>& other) {
  const auto differs = std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first;
  const int64_t common = differs - one.begin();
  const int64_t tokens = tokens_of(prompt, one, common);
  const int64_t most = std::max(tokens_of(prompt, one, static_cast<int64_t>(one.size())),
                                tokens_of(prompt, other, static_cast<int64_t>(other.size())));
  return tokens >= kSharedKeys && 4 * tokens >= 3 * most ? common : 0;
}

std::vector<Group> group_segments(const PromptLayout& prompt, const std::vector<char>& runs, int64_t heads) {
  std::vector<Group> groups;
  for (size_t s = 0; s < prompt.segments.size(); ++s) {
    if (runs[s] == 0) continue;
    const PromptSegment& segment = prompt.segments[s];
    int64_t common = 0;
    if (!groups.empty()) {
      const PromptSegment& first = prompt.segment(groups.back().segments.front());
      common = std::min(groups.back().shared, common_context(prompt, first.context, segment.context));
    }
    if (common == 0) {
      groups.push_back({{}, static_cast<int64_t>(segment.context.size()), 0});
    } else {
      groups.back().shared = common;
    }
    groups.back().segments.push_back(static_cast<int>(s));
    groups.back().rows += segment.tokens * heads;
  }
  return groups;
}

// Query rows of each task of a group that is the whole work of the threads, of heads that are shared out by
// rows: the longest thread does the least.
int64_t rows_of_few(int64_t rows, int64_t kv_heads, int64_t threads) {
  int64_t best = kAttendRows;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t pieces = divide_up(rows, kAttendRows); pieces <= divide_up(rows, kBlockRows); ++pieces) {
    const int64_t of_piece = divide_up(rows, pieces);
    const int64_t longest =
        divide_up(kv_heads * pieces, threads) * (kernels::round_up(of_piece, kBlockRows) + kRowsOfPassing);
    if (longest >= least) continue;
    least = longest;
    best = of_piece;
  }
  return best;
}

// As many tasks as it takes, each of at most so many.
int64_t even_rows(int64_t rows, int64_t most) { return divide_up(rows, divide_up(rows, most)); }

void cut_group(const PromptLayout& prompt, const Group& group, int64_t kv_head, int64_t heads,
               int64_t rows_of_task, std::vector<AttendTask>& tasks) {
  int64_t left = 0;
  for (const int s : group.segments) {
    const int64_t rows = prompt.segment(s).tokens * heads;
    for (int64_t first = 0; first < rows;) {
      if (left == 0) {
        tasks.push_back({kv_head, group.shared, {}});
        left = rows_of_task;
      }
      const int64_t taken = std::min(left, rows - first);
      tasks.back().parts.push_back({s, first, taken});
      first += taken;
      left -= taken;
    }
  }
}

}  // namespace

std::vector<AttendTask> cut_attention(const PromptLayout& prompt, const std::vector<char>& runs,
                                      const ModelConfig& config, int threads) {
  const int64_t heads = config.heads / config.kv_heads;
  const std::vector<Group> groups = group_segments(prompt, runs, heads);
  // One group: as many whole heads as every thread gets the same number of, which pass their keys once; what
  // is left is cut by rows.
  const bool alone = groups.size() == 1;
  const int64_t whole = alone ? config.kv_heads / threads * threads : 0;
  const int64_t left = config.kv_heads - whole;
  const int64_t rows_of_left = alone && left > 0 ? rows_of_few(groups.front().rows, left, threads) : 0;
  const auto rows_of_task = [&](const Group& group, int64_t kv_head) {
    if (!alone) return even_rows(group.rows, kUsualRows);
    return kv_head < whole ? even_rows(group.rows, kAttendRows) : rows_of_left;
  };
  std::vector<AttendTask> tasks;
  for (int64_t kv_head = 0; kv_head < config.kv_heads; ++kv_head) {
    const auto begin = static_cast<int64_t>(tasks.size());
    for (const Group& group : groups) {
      cut_group(prompt, group, kv_head, heads, rows_of_task(group, kv_head), tasks);
    }
    std::reverse(tasks.begin() + begin, tasks.end());
  }
  return tasks;
}

}  // namespace headwise
