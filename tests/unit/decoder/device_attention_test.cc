// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Attention and reading on a device's tiles, on the CPU, against plain sums in double: over widths, groups of
// heads, lengths of slots and their remainders, lists of blocks, kept parts of them, windows and soft-caps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "decoder/cuda/ops/operations.cuh"
#include "support/random_values.h"
#include "support/thread_group.h"

namespace headwise::device {
namespace {

struct Case {
  std::string name;
  int64_t width = 8;
  int64_t query_heads = 4;
  int64_t kv_heads = 2;
  std::vector<int64_t> slots{};              // tokens of the segments before the last one
  std::vector<std::vector<int32_t>> kept{};  // tokens that a slot has keys of; empty: all
  bool list = false;  // every segment sees those before it; else slots see the first alone
  int64_t rows = 5;   // of the last segment, which sees all
  int64_t tile_rows = 16;
  int64_t window = 0;
  double soft_cap = 0.0;
  int32_t part_runs = 0;  // the last segment attends in parts of so many runs; 0: at once
};

// Numbers of a pass, and its views: segments in order, the last one's rows are read.
struct Pass {
  explicit Pass(const Case& c) : heads(c.query_heads + 2 * c.kv_heads), stride(heads * c.width) {
    std::vector<int64_t> lengths = c.slots;
    lengths.push_back(c.rows);
    int64_t row = 0;
    int64_t place = 0;
    for (size_t s = 0; s < lengths.size(); ++s) {
      const bool last = s + 1 == lengths.size();
      const auto begin = static_cast<int32_t>(contexts.size());
      const size_t seen = last || c.list ? s : std::min<size_t>(s, 1);
      for (size_t earlier = 0; earlier < seen; ++earlier) contexts.push_back(static_cast<int32_t>(earlier));
      views.push_back(
          {static_cast<int32_t>(s), begin, static_cast<int32_t>(seen), static_cast<int32_t>(row)});
      rows_of.push_back(lengths[s]);
      places.push_back(place);
      row += lengths[s];
      place += lengths[s] + 3;  // gaps stay as they are
    }
    rows = row;
    keys = place;
    numbers = random_values(rows * stride, 11);
    int64_t position = 0;
    for (size_t s = 0; s < lengths.size(); ++s) {
      KeyRun run{};
      run.stride = stride;
      run.count = static_cast<int32_t>(lengths[s]);
      run.first_position = static_cast<int32_t>(position);
      run.place = static_cast<int32_t>(places[s]);
      if (s < c.kept.size() && !c.kept[s].empty()) {
        run.tokens = c.kept[s].data();
        run.count = static_cast<int32_t>(c.kept[s].size());
      }
      runs.push_back(run);
      position += c.list || s == 0 || s + 2 == lengths.size() ? lengths[s] : 0;
    }
  }
  // Keys and values stand in the rows, or, of a slot that is kept in part, its first rows.
  template <typename T>
  void point(const Case& c, const std::vector<T>& in) {
    for (size_t s = 0; s < runs.size(); ++s) {
      const T* from = in.data() + views[s].row * stride;
      runs[s].keys = from + c.query_heads * c.width;
      runs[s].values = from + (c.query_heads + c.kv_heads) * c.width;
    }
  }
  int64_t heads, stride, rows = 0, keys = 0;
  std::vector<float> numbers;
  std::vector<SegmentView> views;
  std::vector<int32_t> contexts;
  std::vector<int64_t> rows_of, places;
  std::vector<KeyRun> runs;
};

// What a row sees, and how much it weighs: (run, key, probability).
struct Seen {
  size_t run;
  int64_t key;
  double weight;
};
struct RowSeen {
  std::vector<Seen> keys;
  double log_sum = 0.0;
};

RowSeen look(const Case& c, const Pass& pass, size_t segment, int64_t row, int64_t head) {
  const SegmentView& view = pass.views[segment];
  RowSeen seen;
  const int64_t position = pass.runs[segment].first_position + row;
  double sum = 0.0;
  for (int32_t r = 0; r <= view.contexts; ++r) {
    const bool own = r == view.contexts;
    const auto place =
        static_cast<size_t>(own ? view.own : pass.contexts[static_cast<size_t>(view.context_begin + r)]);
    const KeyRun& run = pass.runs[place];
    for (int64_t key = 0; key < run.count; ++key) {
      if (own && key > row) continue;
      const int64_t token = run.tokens == nullptr ? key : run.tokens[key];
      if (c.window > 0 && run.first_position + token <= position - c.window) continue;
      const float* q = pass.numbers.data() + (view.row + row) * pass.stride + head * c.width;
      const float* k = pass.numbers.data() + (pass.views[place].row + key) * pass.stride +
                       (c.query_heads + head / (c.query_heads / c.kv_heads)) * c.width;
      double logit = 0.0;
      for (int64_t d = 0; d < c.width; ++d) logit += static_cast<double>(q[d]) * k[d];
      if (c.soft_cap > 0.0) logit = c.soft_cap * std::tanh(logit / c.soft_cap);
      seen.keys.push_back({place, key, std::exp(logit)});
      sum += std::exp(logit);
    }
  }
  for (Seen& key : seen.keys) key.weight /= sum;
  seen.log_sum = std::log(sum);
  return seen;
}

template <typename T>
KeysSeen seen_of(const Case& c, const Pass& pass, const std::vector<T>& numbers) {
  return {pass.runs.data(),  pass.contexts.data(),
          pass.views.data(), numbers.data(),
          pass.stride,       c.query_heads,
          c.kv_heads,        c.width,
          c.window,          static_cast<float>(c.soft_cap)};
}

// Of segments that run: one that is kept in part is given.
std::vector<AttendTask> attend_tasks(const Case& c, const Pass& pass) {
  std::vector<AttendTask> tasks;
  for (size_t s = 0; s < pass.views.size(); ++s) {
    if (pass.runs[s].tokens != nullptr) continue;
    const int64_t rows = pass.rows_of[s] * (c.query_heads / c.kv_heads);
    for (int64_t first = 0; first < rows; first += c.tile_rows) {
      AttendTask task{static_cast<int32_t>(s), static_cast<int32_t>(first),
                      static_cast<int32_t>(std::min(c.tile_rows, rows - first))};
      if (c.part_runs == 0 || s + 1 < pass.views.size()) tasks.push_back(task);
      for (task.part_row = 0;
           c.part_runs > 0 && s + 1 == pass.views.size() && task.run_begin <= pass.views[s].contexts;
           task.run_begin += c.part_runs, task.part_row += static_cast<int32_t>(c.rows)) {
        task.run_end = task.run_begin + c.part_runs;
        tasks.push_back(task);
      }
    }
  }
  return tasks;
}

// The last segment's, where it attends in parts.
std::vector<SplitRow> split_rows(const Case& c, const Pass& pass) {
  std::vector<SplitRow> rows;
  const int32_t runs = pass.views.back().contexts + 1;
  for (int32_t row = 0; c.part_runs > 0 && row < static_cast<int32_t>(c.rows); ++row) {
    rows.push_back({pass.views.back().row + row, row, static_cast<int32_t>(c.rows),
                    (runs + c.part_runs - 1) / c.part_runs});
  }
  return rows;
}

// Of all keys that the last segment sees.
std::vector<ReadTask> read_tasks(const Pass& pass) {
  const SegmentView& view = pass.views.back();
  std::vector<ReadTask> tasks;
  for (int32_t r = 0; r <= view.contexts; ++r) {
    const int32_t place =
        r == view.contexts ? view.own : pass.contexts[static_cast<size_t>(view.context_begin + r)];
    const int64_t keys = pass.runs[static_cast<size_t>(place)].count;
    for (int64_t first = 0; first < keys; first += kTileKeys) {
      tasks.push_back(
          {0, r, static_cast<int32_t>(first), static_cast<int32_t>(std::min(kTileKeys, keys - first))});
    }
  }
  return tasks;
}

// As an operation works with them; what is expected is of the same.
template <typename T>
std::vector<T> rounded_numbers(Pass& pass) {
  std::vector<T> numbers;
  for (float& number : pass.numbers) {
    numbers.push_back(rounded<T>(number));
    number = to_float(numbers.back());
  }
  return numbers;
}

template <typename Body>
void run_blocks(const Body& body, bool threads) {
  if (threads) return run_on_threads(body);
  std::vector<char> memory(static_cast<size_t>(body.shared()) + 128);
  for (int64_t block = 0; block < body.blocks(); ++block) body.run(block, OneThread(memory.data()));
}

template <typename T>
void expect_attention(const Case& c, double tolerance, bool threads) {
  SCOPED_TRACE(c.name + (sizeof(T) == 2 ? " bf16" : " fp32"));
  Pass pass(c);
  const std::vector<T> numbers = rounded_numbers<T>(pass);
  pass.point(c, numbers);
  const int64_t group = c.query_heads / c.kv_heads;
  const std::vector<AttendTask> tasks = attend_tasks(c, pass);
  std::vector<T> out(static_cast<size_t>(pass.rows * c.query_heads * c.width), rounded<T>(NAN));
  std::vector<float> log_sums(static_cast<size_t>(pass.rows * c.query_heads), -7.0f);
  const std::vector<SplitRow> split = split_rows(c, pass);
  const size_t part_rows = split.empty() ? 0 : static_cast<size_t>(split.front().step * split.front().parts);
  std::vector<float> parts(part_rows * static_cast<size_t>(c.query_heads * (c.width + 2)), NAN);
  AttendArgs args{seen_of(c, pass, numbers),
                  tasks.data(),
                  static_cast<int64_t>(tasks.size()),
                  c.tile_rows,
                  out.data(),
                  c.query_heads * c.width,
                  log_sums.data(),
                  parts.data()};
  const auto run = [&](const auto& body) { run_blocks(body, threads); };
  const auto attend = [&] {
    run(Attend<T>{args});
    run(Combine<T>{{split.data(), args.parts, static_cast<int64_t>(split.size()), c.query_heads, c.width,
                    args.out, args.out_stride, args.log_sums}});
  };
  attend();
  // The logs alone: the same bits.
  std::vector<float> alone(log_sums.size(), -7.0f);
  args.out = nullptr;
  args.log_sums = alone.data();
  attend();
  EXPECT_EQ(alone, log_sums);

  const size_t last = pass.views.size() - 1;
  const std::vector<RowGroupView> groups{{static_cast<int32_t>(last), 1, static_cast<int32_t>(c.rows - 1)}};
  const std::vector<ReadTask> reads = read_tasks(pass);
  std::vector<int32_t> heads{0, static_cast<int32_t>(c.query_heads - 1)};
  std::vector<float> sums(static_cast<size_t>(2 * pass.keys), 0.0f);
  run(Read<T>{{seen_of(c, pass, numbers), groups.data(), reads.data(), heads.data(),
               static_cast<int64_t>(reads.size()), 2, 1, pass.keys, log_sums.data(), sums.data()}});

  std::vector<double> expected_sums(sums.size(), 0.0);
  for (size_t s = 0; s < pass.views.size(); ++s) {
    if (pass.runs[s].tokens != nullptr) continue;
    for (int64_t row = 0; row < pass.rows_of[s]; ++row) {
      for (int64_t head = 0; head < c.query_heads; ++head) {
        const RowSeen seen = look(c, pass, s, row, head);
        const int64_t in_pass = pass.views[s].row + row;
        ASSERT_NEAR(log_sums[static_cast<size_t>(in_pass * c.query_heads + head)], seen.log_sum,
                    1e-5 * (1 + std::abs(seen.log_sum)));
        for (int64_t d = 0; d < c.width; ++d) {
          double mixed = 0.0;
          double size = 0.0;
          for (const Seen& key : seen.keys) {
            const double value =
                pass.numbers[static_cast<size_t>((pass.views[key.run].row + key.key) * pass.stride +
                                                 (c.query_heads + c.kv_heads + head / group) * c.width + d)];
            mixed += key.weight * value;
            size += key.weight * std::abs(value);
          }
          ASSERT_NEAR(to_float(out[static_cast<size_t>((in_pass * c.query_heads + head) * c.width + d)]),
                      mixed, tolerance * size)
              << "segment " << s << " row " << row << " head " << head;
        }
        for (size_t h = 0; h < heads.size() && s == last && row >= 1; ++h) {
          if (heads[h] != head) continue;
          for (const Seen& key : seen.keys) {
            expected_sums[h * static_cast<size_t>(pass.keys) +
                          static_cast<size_t>(pass.places[key.run] + key.key)] += key.weight;
          }
        }
      }
    }
  }
  for (size_t i = 0; i < sums.size(); ++i)
    ASSERT_NEAR(sums[i], expected_sums[i], 1e-5 * (expected_sums[i] + 1e-3)) << i;
}

std::vector<Case> cases() {
  std::vector<int32_t> every_third;
  for (int32_t token = 2; token < 70; token += 3) every_third.push_back(token);
  return {
      {.name = "one token", .slots = {}, .rows = 2},
      {.name = "remainders", .slots = {3, 64, 65, 1}, .rows = 9},
      {.name = "two tiles", .width = 24, .slots = {5, 130}, .rows = 40, .tile_rows = 32},
      {.name = "list", .slots = {3, 20, 70}, .list = true, .rows = 17},
      {.name = "one key head", .width = 16, .query_heads = 3, .kv_heads = 1, .slots = {7, 33}, .rows = 30},
      {.name = "no groups", .query_heads = 2, .kv_heads = 2, .slots = {2, 12}, .rows = 3, .tile_rows = 64},
      {.name = "window", .slots = {5, 70, 9}, .list = true, .rows = 40, .window = 16},
      {.name = "window of one", .slots = {5}, .rows = 70, .window = 1},
      {.name = "parts", .slots = {5, 20, 70, 9, 33}, .rows = 9, .part_runs = 2},
      {.name = "parts, window", .slots = {5, 70, 9}, .list = true, .rows = 20, .window = 16, .part_runs = 1},
      {.name = "soft-cap", .slots = {4, 20}, .rows = 6, .soft_cap = 2.0},
      {.name = "kept in part", .slots = {4, 70, 10}, .kept = {{}, every_third}, .rows = 6},
      {.name = "kept, window",
       .slots = {4, 70},
       .kept = {{}, every_third},
       .list = true,
       .rows = 20,
       .window = 30},
  };
}

TEST(DeviceAttention, IsSoftmaxOverWhatARowSees) {
  for (const Case& c : cases()) {
    expect_attention<float>(c, 1e-5, false);
    expect_attention<Bfloat16>(c, 8e-3, false);
  }
}

TEST(DeviceAttention, IsTheSameOnABlockOfThreads) {
  for (const Case& c : cases()) {
    // Threads take turns on the CPU: a few small ones.
    if (c.name != "one token" && c.name != "no groups" && c.name != "soft-cap") continue;
    expect_attention<float>(c, 1e-5, true);
  }
}

}  // namespace
}  // namespace headwise::device
