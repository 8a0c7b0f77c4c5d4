// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: attention that was computed in parts (AttendTask::part_row), put together. Source: Dao
// et al. 2023 (Flash-Decoding).
#pragma once

#include "decoder/cuda/ops/portable.cuh"

namespace headwise::device {

// A row of the pass whose attention was computed in parts: part p is row first + p * step of the parts.
struct SplitRow {
  int32_t row;
  int32_t first;
  int32_t step;
  int32_t parts;
};

// What Attend would have written, out of its parts in their order.
struct CombineArgs {
  const SplitRow* rows;
  const float* parts;  // as AttendArgs has it
  int64_t row_count;
  int64_t query_heads;
  int64_t width;  // D
  void* out;      // as AttendArgs has them
  int64_t out_stride;
  float* log_sums;
};
template <typename T>
struct Combine {
  CombineArgs a;
  static constexpr int kThreads = 128;
  HW_ANY int64_t blocks() const { return pieces_of(a.row_count * a.query_heads, kThreads / 32); }
  HW_ANY int64_t shared() const { return 0; }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    constexpr int64_t kWarps = kThreads / 32;
    const int64_t end = least(a.row_count * a.query_heads, (block + 1) * kWarps);
    for (int64_t i = block * kWarps + group.warp(); i < end; i += group.warps())
      combine(group, a.rows[i / a.query_heads], i % a.query_heads);
  }
  template <typename Group>
  HW_ANY void combine(const Group& group, const SplitRow& row, int64_t head) const {
    const int64_t D = a.width;
    const auto part = [&](int64_t p) {
      return a.parts + ((row.first + p * row.step) * a.query_heads + head) * (D + 2);
    };
    float largest = minus_infinity();
    for (int64_t p = 0; p < row.parts; ++p) largest = larger(largest, part(p)[D]);
    // Of a part of which a window leaves nothing it is 0.
    const auto factor = [&](int64_t p) {
      return part(p)[D] == minus_infinity() ? 0.0f : expf(part(p)[D] - largest);
    };
    float sum = 0.0f;
    for (int64_t p = 0; p < row.parts; ++p) sum += part(p)[D + 1] * factor(p);
    if (group.lane() == 0) a.log_sums[row.row * a.query_heads + head] = largest + logf(sum);
    if (a.out == nullptr) return;
    T* out = static_cast<T*>(a.out) + row.row * a.out_stride + head * D;
    for (int64_t d = group.lane(); d < D; d += group.lanes()) {
      float mixed = 0.0f;
      for (int64_t p = 0; p < row.parts; ++p) mixed += part(p)[d] * factor(p);
      out[d] = rounded<T>(mixed / sum);
    }
  }
};

}  // namespace headwise::device
