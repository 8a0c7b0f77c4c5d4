// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How attention is shared out among threads: every query row of every head once, in calls that are not too
// long, and of few rows as evenly as heads and rows allow.
#include "decoder/cpu/attend_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "kernels/kernels.h"

namespace headwise {
namespace {

struct AttendShape {
  int64_t heads;
  int64_t kv_heads;
  int64_t question;      // tokens
  int64_t content_free;  // tokens
  int threads;
};

// Passages that are known, and two segments behind them that run.
std::vector<AttendTask> tasks_of(const AttendShape& shape, int passages = 20) {
  const auto ids = [](int64_t count) { return std::vector<int32_t>(static_cast<size_t>(count), 7); };
  PromptLayout prompt;
  std::vector<int> context;
  for (int i = 0; i < passages; ++i) context.push_back(prompt.add_segment(ids(75), 10, {}));
  std::vector<char> runs(context.size(), 0);
  prompt.add_segment(ids(shape.question), 90, context);
  prompt.add_segment(ids(shape.content_free), 90, context);
  runs.insert(runs.end(), {1, 1});
  ModelConfig config;
  config.heads = shape.heads;
  config.kv_heads = shape.kv_heads;
  return cut_attention(prompt, runs, config, shape.threads);
}

int64_t rows_of(const AttendTask& task) {
  return std::accumulate(task.parts.begin(), task.parts.end(), int64_t{0},
                         [](int64_t sum, const AttendPart& part) { return sum + part.rows; });
}

TEST(AttendPlan, EveryQueryRowOfEveryHeadOnce) {
  for (const AttendShape& shape : {AttendShape{9, 3, 26, 15, 2},
                                   {9, 3, 13, 13, 2},
                                   {9, 3, 400, 15, 2},
                                   {9, 3, 26, 15, 1},
                                   {9, 3, 26, 15, 4},
                                   {8, 8, 26, 15, 3},
                                   {16, 8, 1, 1, 16},
                                   {4, 1, 300, 2, 2}}) {
    std::set<std::tuple<int64_t, int, int64_t>> seen;
    int64_t rows = 0;
    for (const AttendTask& task : tasks_of(shape)) {
      EXPECT_LE(rows_of(task), kernels::kAttendRows);
      EXPECT_GT(rows_of(task), 0);
      for (const AttendPart& part : task.parts) {
        for (int64_t row = part.first; row < part.first + part.rows; ++row, ++rows) {
          EXPECT_TRUE(seen.emplace(task.kv_head, part.segment, row).second);
        }
      }
    }
    EXPECT_EQ(rows, shape.heads * (shape.question + shape.content_free));
  }
}

// Three heads of 123 query rows, two threads: a head for each, and half of the third.
TEST(AttendPlan, WholeHeadsFirstAndTheRestByRows) {
  const std::vector<AttendTask> tasks = tasks_of({9, 3, 26, 15, 2});
  ASSERT_EQ(tasks.size(), 4U);
  std::vector<int64_t> rows;
  for (const AttendTask& task : tasks) rows.push_back(rows_of(task));
  EXPECT_EQ(rows[0], 123);
  EXPECT_EQ(rows[1], 123);
  EXPECT_EQ(rows[2] + rows[3], 123);
  EXPECT_LE(std::abs(rows[2] - rows[3]), 1);
  for (size_t i = 0; i < tasks.size(); ++i)
    EXPECT_EQ(tasks[i].kv_head, static_cast<int64_t>(std::min<size_t>(i, 2)));
}

// More threads than heads: all heads are cut, and no thread has much more than another.
TEST(AttendPlan, FewHeadsAreCutForAllThreads) {
  const std::vector<AttendTask> tasks = tasks_of({9, 3, 26, 15, 4});
  const int64_t all = 3 * 123;
  int64_t longest = 0;
  for (const AttendTask& task : tasks) longest = std::max(longest, rows_of(task));
  const auto turns = static_cast<int64_t>((tasks.size() + 3) / 4);
  EXPECT_LE(turns * longest, all / 4 * 5 / 4);
}

}  // namespace
}  // namespace headwise
