// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: attention of query rows over the blocks of keys that they see, with an online softmax
// over tiles of keys, which also gives the log of each row's sum of exponentials; and what a row pays to each
// key, from that. Slots of any length, whole blocks before the row's own, causal in its own.
//
// Query heads that share a key head are attended together: of a segment's rows in order, each one's heads
// (query row j is row j / group of the segment). A row's numbers depend on that row and the keys it sees, not
// on the rows beside it: the same tiles of keys in the same order. Sources: Milakov and Gimelshein 2018
// (online softmax), Dao 2022 (tiles).
#pragma once

#include "decoder/cuda/ops/tiles.cuh"

namespace headwise::device {

// Keys and values of a run of tokens in one layer, of every kv head: head h's number d of key i is
// keys[i * stride + h * D + d].
struct KeyRun {
  const void* keys;       // of T
  const void* values;     // of T; null where nobody attends
  const int32_t* tokens;  // [count]: places in their segment, ascending; null: 0, 1, ...
  int64_t stride;
  int32_t count;
  int32_t first_position;
  int32_t place;  // of its first key in what is added up by `Read`
  HW_ANY int64_t position(int64_t key) const {
    return first_position + (tokens == nullptr ? key : tokens[key]);
  }
};

// What one segment's rows see: whole runs, then their own run causally.
struct SegmentView {
  int32_t own;            // place among the runs
  int32_t context_begin;  // in the list of contexts, which names runs
  int32_t contexts;
  int32_t row;  // its first row in the pass
};

// What all of attention's operations read.
struct KeysSeen {
  const KeyRun* runs;
  const int32_t* contexts;
  const SegmentView* segments;
  const void* queries;  // [rows of the pass, query_stride] of T; ready for products: scaled
  int64_t query_stride;
  int64_t query_heads;
  int64_t kv_heads;
  int64_t width;   // D
  int64_t window;  // a row sees positions above its own - window; 0: all
  float soft_cap;  // 0: none

  HW_ANY int64_t group() const { return query_heads / kv_heads; }
  HW_ANY const KeyRun& own(const SegmentView& view) const { return runs[view.own]; }
  // The i-th run that a segment sees; its own comes last.
  HW_ANY const KeyRun& run(const SegmentView& view, int64_t i) const {
    return runs[i < view.contexts ? contexts[view.context_begin + i] : view.own];
  }
  HW_ANY float logit(float product) const {
    return soft_cap == 0.0f ? product : soft_cap * tanhf(product / soft_cap);
  }
  HW_ANY bool in_window(int64_t row_position, int64_t key_position) const {
    return window == 0 || key_position > row_position - window;
  }
};

inline constexpr int64_t kTileKeys = 64;

// Up to `tile_rows` query rows of one segment, and which of the runs that it sees.
struct AttendTask {
  int32_t segment;
  int32_t first;  // query row of the segment
  int32_t rows;
  int32_t run_begin = 0;  // the segment's own run is its last one
  int32_t run_end = 1 << 30;
  int32_t part_row = -1;  // of the segment's first row among the parts; -1: the task is all that the rows see
};

struct AttendArgs {
  KeysSeen seen;
  const AttendTask* tasks;
  int64_t task_count;
  int64_t tile_rows;  // a multiple of 16
  void* out;          // [rows, out_stride] of T; null: the logs alone
  int64_t out_stride;
  float* log_sums;  // [rows, query heads]: log of the sum of exp(logit)
  // [part rows, query heads, D + 2], where a task has a part: sums of weighted values, the largest logit, and
  // the sum of exp(logit - largest). Combine makes rows of them.
  float* parts;
};

template <typename T>
struct Attend {
  AttendArgs a;
  static constexpr int kThreads = 128;

  // Places in a block's memory, in bytes.
  struct Memory {
    int64_t queries, keys, logits, weights, mixed, largest, sums, factors, end;
  };
  HW_ANY int64_t padded() const { return pieces_of(a.seen.width, 16) * 16; }
  HW_ANY int64_t wide() const { return padded() + 8; }  // strides that spread over the memory's banks
  HW_ANY Memory memory() const {
    const int64_t number = static_cast<int64_t>(sizeof(T));
    Memory m{};
    m.keys = a.tile_rows * wide() * number;
    m.logits = m.keys + kTileKeys * wide() * number;
    m.weights = m.logits + a.tile_rows * (kTileKeys + 8) * 4;
    m.mixed = m.weights + a.tile_rows * (kTileKeys + 8) * number;
    m.largest = m.mixed + (a.out == nullptr ? 0 : a.tile_rows * wide() * 4);
    m.sums = m.largest + a.tile_rows * 4;
    m.factors = m.sums + a.tile_rows * 4;
    m.end = m.factors + a.tile_rows * 4;
    return m;
  }
  HW_ANY int64_t blocks() const { return a.task_count * a.seen.kv_heads; }
  HW_ANY int64_t shared() const { return memory().end; }

  // What the threads of a block share.
  struct Work {
    Tile<T> queries, keys, weights;
    Tile<float> logits, mixed;
    float* largest;
    float* sums;
    float* factors;
    AttendTask task;
    SegmentView view;
    int64_t kv_head;
  };
  HW_ANY Work work(void* shared, int64_t block) const {
    const Memory m = memory();
    char* base = static_cast<char*>(shared);
    const auto numbers = [&](int64_t place) { return reinterpret_cast<T*>(base + place); };
    const auto floats = [&](int64_t place) { return reinterpret_cast<float*>(base + place); };
    const AttendTask task = a.tasks[block % a.task_count];
    return {{numbers(m.queries), wide()},
            {numbers(m.keys), wide()},
            {numbers(m.weights), kTileKeys + 8},
            {floats(m.logits), kTileKeys + 8},
            {floats(m.mixed), wide()},
            floats(m.largest),
            floats(m.sums),
            floats(m.factors),
            task,
            a.seen.segments[task.segment],
            block / a.task_count};
  }

  // Row of the pass, and its query head, of a query row of the task.
  HW_ANY int64_t row_of(const Work& w, int64_t i) const {
    return w.view.row + (w.task.first + i) / a.seen.group();
  }
  HW_ANY int64_t head_of(const Work& w, int64_t i) const {
    return w.kv_head * a.seen.group() + (w.task.first + i) % a.seen.group();
  }

  template <typename Group>
  HW_ANY void load_queries(const Group& group, const Work& w) const {
    const int64_t D = a.seen.width;
    for (int64_t i = group.thread(); i < a.tile_rows * padded(); i += group.threads()) {
      const int64_t row = i / padded();
      const int64_t d = i % padded();
      T value = rounded<T>(0.0f);
      if (row < w.task.rows && d < D) {
        value = static_cast<const T*>(
            a.seen.queries)[row_of(w, row) * a.seen.query_stride + head_of(w, row) * D + d];
      }
      w.queries.row(row)[d] = value;
      if (a.out != nullptr) w.mixed.row(row)[d] = 0.0f;
    }
    for (int64_t row = group.thread(); row < a.tile_rows; row += group.threads()) {
      w.largest[row] = minus_infinity();
      w.sums[row] = 0.0f;
    }
  }

  // Keys, or values, [first, first + count) of a run; zeros behind them.
  template <typename Group>
  HW_ANY void load_tile(const Group& group, const Work& w, const void* from, int64_t stride, int64_t first,
                        int64_t count) const {
    const int64_t D = a.seen.width;
    const T* numbers = static_cast<const T*>(from) + w.kv_head * D;
    for (int64_t i = group.thread(); i < kTileKeys * padded(); i += group.threads()) {
      const int64_t key = i / padded();
      const int64_t d = i % padded();
      w.keys.row(key)[d] = key < count && d < D ? numbers[(first + key) * stride + d] : rounded<T>(0.0f);
    }
  }

  // Logits of a tile of keys to weights, exp(logit - largest), and what becomes of the sums so far.
  template <typename Group>
  HW_ANY void soften(const Group& group, const Work& w, const KeyRun& run, bool own, int64_t first,
                     int64_t count) const {
    for (int64_t row = group.warp(); row < a.tile_rows; row += group.warps()) {
      const int64_t in_segment = (w.task.first + row) / a.seen.group();
      const int64_t position = a.seen.own(w.view).first_position + in_segment;
      const auto seen = [&](int64_t key) {
        return row < w.task.rows && key < count && (!own || first + key <= in_segment) &&
               a.seen.in_window(position, run.position(first + key));
      };
      float* logits = w.logits.row(row);
      float largest = w.largest[row];
      const float before = largest;
      for (int64_t key = group.lane(); key < kTileKeys; key += group.lanes()) {
        logits[key] = seen(key) ? a.seen.logit(logits[key]) : minus_infinity();
        largest = larger(largest, logits[key]);
      }
      largest = group.lane_max(largest);
      float sum = 0.0f;
      for (int64_t key = group.lane(); key < kTileKeys; key += group.lanes()) {
        const float weight = largest == minus_infinity() ? 0.0f : expf(logits[key] - largest);
        sum += weight;
        w.weights.row(row)[key] = rounded<T>(weight);
      }
      sum = group.lane_sum(sum);
      if (group.lane() != 0) continue;
      const float factor = before == minus_infinity() ? 0.0f : expf(before - largest);
      w.largest[row] = largest;
      w.factors[row] = factor;
      w.sums[row] = w.sums[row] * factor + sum;
    }
  }

  template <typename Group>
  HW_ANY void mix(const Group& group, const Work& w, const KeyRun& run, int64_t first, int64_t count) const {
    load_tile(group, w, run.values, run.stride, first, count);
    for (int64_t i = group.thread(); i < a.tile_rows * padded(); i += group.threads()) {
      w.mixed.row(i / padded())[i % padded()] *= w.factors[i / padded()];
    }
    group.sync();
    add_mixed(group, w.weights, w.keys, a.tile_rows, kTileKeys, padded(), w.mixed);
    group.sync();
  }

  // Whether no row of the task has the tile's last key in its window. Positions ascend with rows and keys.
  HW_ANY bool out_of_window(const Work& w, const KeyRun& run, int64_t last_key) const {
    const int64_t position = a.seen.own(w.view).first_position + w.task.first / a.seen.group();
    return !a.seen.in_window(position, run.position(last_key));
  }

  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    const Work w = work(group.shared(), block);
    load_queries(group, w);
    const int64_t last_row = (w.task.first + w.task.rows - 1) / a.seen.group();
    const int64_t end = least(w.task.run_end, w.view.contexts + 1);
    for (int64_t r = w.task.run_begin; r < end; ++r) {
      const KeyRun& run = a.seen.run(w.view, r);
      const bool own = r == w.view.contexts;
      const int64_t keys = own ? last_row + 1 : run.count;
      for (int64_t first = 0; first < keys; first += kTileKeys) {
        const int64_t count = least(kTileKeys, keys - first);
        if (out_of_window(w, run, first + count - 1)) continue;
        load_tile(group, w, run.keys, run.stride, first, count);
        group.sync();
        multiply_scores(group, w.queries, w.keys, a.tile_rows, kTileKeys, padded(), w.logits);
        group.sync();
        soften(group, w, run, own, first, count);
        group.sync();
        if (a.out != nullptr) mix(group, w, run, first, count);
      }
    }
    group.sync();
    if (w.task.part_row < 0) {
      store(group, w);
    } else {
      store_part(group, w);
    }
  }

  template <typename Group>
  HW_ANY void store_part(const Group& group, const Work& w) const {
    const int64_t D = a.seen.width;
    const auto part = [&](int64_t i) {
      const int64_t row = w.task.part_row + (w.task.first + i) / a.seen.group();
      return a.parts + (row * a.seen.query_heads + head_of(w, i)) * (D + 2);
    };
    for (int64_t row = group.thread(); row < w.task.rows; row += group.threads()) {
      part(row)[D] = w.largest[row];
      part(row)[D + 1] = w.sums[row];
    }
    if (a.out == nullptr) return;
    for (int64_t i = group.thread(); i < w.task.rows * D; i += group.threads())
      part(i / D)[i % D] = w.mixed.row(i / D)[i % D];
  }

  template <typename Group>
  HW_ANY void store(const Group& group, const Work& w) const {
    const int64_t D = a.seen.width;
    for (int64_t row = group.thread(); row < w.task.rows; row += group.threads()) {
      a.log_sums[row_of(w, row) * a.seen.query_heads + head_of(w, row)] = w.largest[row] + logf(w.sums[row]);
    }
    if (a.out == nullptr) return;
    for (int64_t i = group.thread(); i < w.task.rows * D; i += group.threads()) {
      const int64_t row = i / D;
      T* out = static_cast<T*>(a.out) + row_of(w, row) * a.out_stride + head_of(w, row) * D;
      out[i % D] = rounded<T>(w.mixed.row(row)[i % D] / w.sums[row]);
    }
  }
};

// Rows of the request whose attention is added up: [first, first + rows) of a segment.
struct RowGroupView {
  int32_t segment;
  int32_t first;
  int32_t rows;
};
// Up to kTileKeys keys that a group's rows see: of the run that is `run`-th in the segment's view.
struct ReadTask {
  int32_t group;
  int32_t run;
  int32_t first;
  int32_t count;
};

// sums [heads, groups, keys] = what the group's rows pay to each key, exp(logit - log sum), added up over the
// rows in their order, in fp32. Keys that no task names are left as they are.
struct ReadArgs {
  KeysSeen seen;
  const RowGroupView* groups;
  const ReadTask* tasks;
  const int32_t* heads;  // query heads
  int64_t task_count;
  int64_t head_count;
  int64_t group_count;
  int64_t key_count;
  const float* log_sums;  // of Attend
  float* sums;
};
template <typename T>
struct Read {
  ReadArgs a;
  static constexpr int kThreads = 64;
  HW_ANY int64_t wide() const { return a.seen.width + 1; }
  HW_ANY int64_t blocks() const { return a.task_count * a.head_count; }
  HW_ANY int64_t shared() const { return kTileKeys * wide() * 4; }

  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    const ReadTask task = a.tasks[block % a.task_count];
    const int64_t head_place = block / a.task_count;
    const int64_t head = a.heads[head_place];
    const RowGroupView rows = a.groups[task.group];
    const SegmentView view = a.seen.segments[rows.segment];
    const KeyRun& run = a.seen.run(view, task.run);
    const int64_t D = a.seen.width;
    auto* keys = static_cast<float*>(group.shared());
    const T* from = static_cast<const T*>(run.keys) + head / a.seen.group() * D;
    for (int64_t i = group.thread(); i < task.count * D; i += group.threads()) {
      keys[i / D * wide() + i % D] = to_float(from[(task.first + i / D) * run.stride + i % D]);
    }
    group.sync();
    const bool own = task.run == view.contexts;
    float* sums = a.sums + (head_place * a.group_count + task.group) * a.key_count + run.place + task.first;
    for (int64_t key = group.thread(); key < task.count; key += group.threads()) {
      const int64_t position = run.position(task.first + key);
      float sum = 0.0f;
      for (int64_t row = rows.first; row < rows.first + rows.rows; ++row) {
        if (own && task.first + key > row) continue;
        if (!a.seen.in_window(a.seen.own(view).first_position + row, position)) continue;
        const int64_t in_pass = view.row + row;
        const T* query = static_cast<const T*>(a.seen.queries) + in_pass * a.seen.query_stride + head * D;
        float product = 0.0f;
        for (int64_t d = 0; d < D; ++d) product += to_float(query[d]) * keys[key * wide() + d];
        sum += expf(a.seen.logit(product) - a.log_sums[in_pass * a.seen.query_heads + head]);
      }
      sums[key] = sum;
    }
  }
};

}  // namespace headwise::device
