// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A product of a few rows with a matrix whose columns grow together, over `Vec`: what attention and the
// linear layers are made of. Include a vec_*.h and elementwise-inl.h first.
//
// Bound: FMA throughput where `b` is in the first two caches: V + R loads for R * V FMAs.
#pragma once

#include <algorithm>
#include <cstdint>

namespace headwise::kernels {
namespace {

inline constexpr int64_t kBlockRows = 6;

// out[r][0 .. V*lanes) (+)= sum over k of a[r][k] * b[k][...], for R rows and V vectors of columns held in
// registers. Each sum runs over k in order, one FMA after the other: the same bits for any R and V. `step(k)`
// is what else is done meanwhile.
template <int64_t R, int64_t V, bool kAccumulate, typename Step>
inline void block_product(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t depth,
                          float* out, int64_t out_stride, const Step& step) {
  Vec sums[R][V];
  unrolled<R>([&](auto r) {
    unrolled<V>([&](auto v) {
      sums[r][v] = kAccumulate ? Vec::load(out + r * out_stride + v * Vec::kLanes) : Vec::zero();
    });
  });
  for (int64_t k = 0; k < depth; ++k) {
    Vec columns[V];
    unrolled<V>([&](auto v) { columns[v] = Vec::load(b + k * b_stride + v * Vec::kLanes); });
    step(k);
    unrolled<R>([&](auto r) {
      const Vec factor = Vec::set(a[r * a_stride + k]);
      unrolled<V>([&](auto v) { sums[r][v] = Vec::fma(factor, columns[v], sums[r][v]); });
    });
  }
  unrolled<R>([&](auto r) {
    unrolled<V>([&](auto v) { sums[r][v].store(out + r * out_stride + v * Vec::kLanes); });
  });
}

template <int64_t R, bool kAccumulate, typename Step>
inline void row_block_product(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                              int64_t depth, float* out, int64_t out_stride, int64_t columns,
                              const Step& step) {
  constexpr int64_t kWide = Vec::kColumnVectors * Vec::kLanes;
  int64_t column = 0;
  for (; column + kWide <= columns; column += kWide) {
    block_product<R, Vec::kColumnVectors, kAccumulate>(a, a_stride, b + column, b_stride, depth, out + column,
                                                       out_stride, step);
  }
  // Columns are whole grains: one to three vectors of 16 lanes are left, or none of 8.
  const auto rest = [&]<int64_t V>() {
    block_product<R, V, kAccumulate>(a, a_stride, b + column, b_stride, depth, out + column, out_stride,
                                     step);
  };
  switch ((columns - column) / Vec::kLanes) {
    case 3:
      if constexpr (Vec::kColumnVectors > 3) rest.template operator()<3>();
      break;
    case 2:
      if constexpr (Vec::kColumnVectors > 2) rest.template operator()<2>();
      break;
    case 1:
      rest.template operator()<1>();
      break;
    default:
      break;
  }
}

// Nothing else.
struct NoStep {
  void operator()(int64_t) const {}
};

// Up to kBlockRows rows.
template <bool kAccumulate, typename Step>
inline void some_rows_product(int64_t rows, const float* a, int64_t a_stride, const float* b,
                              int64_t b_stride, int64_t depth, float* out, int64_t out_stride,
                              int64_t columns, const Step& step) {
  const auto run = [&]<int64_t R>() {
    row_block_product<R, kAccumulate>(a, a_stride, b, b_stride, depth, out, out_stride, columns, step);
  };
  switch (rows) {
    case 6:
      return run.template operator()<6>();
    case 5:
      return run.template operator()<5>();
    case 4:
      return run.template operator()<4>();
    case 3:
      return run.template operator()<3>();
    case 2:
      return run.template operator()<2>();
    case 1:
      return run.template operator()<1>();
    default:
      return;
  }
}

// out [rows, columns] (+)= a [rows, depth] b [depth, columns]; columns a multiple of the lanes.
template <bool kAccumulate>
void small_product(const float* a, int64_t a_stride, int64_t rows, const float* b, int64_t b_stride,
                   int64_t depth, float* out, int64_t out_stride, int64_t columns) {
  for (int64_t row = 0; row < rows; row += kBlockRows) {
    some_rows_product<kAccumulate>(std::min(kBlockRows, rows - row), a + row * a_stride, a_stride, b,
                                   b_stride, depth, out + row * out_stride, out_stride, columns, NoStep{});
  }
}

}  // namespace
}  // namespace headwise::kernels
