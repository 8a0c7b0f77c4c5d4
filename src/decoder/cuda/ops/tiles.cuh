// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the small products inside attention, of tiles in a block's memory: 16 x 16 pieces on a
// card's tensor cores for bf16, plain loops for fp32 and on the CPU. Rows of a tile are `stride` numbers
// apart; rows and inner widths are multiples of 16, pointers and strides multiples of 32 bytes where tensor
// cores read them (stride: of 16).
#pragma once

#include "decoder/cuda/ops/portable.cuh"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <mma.h>

#include <type_traits>
#endif

namespace headwise::device {

template <typename T>
struct Tile {
  T* data;
  int64_t stride;
  HW_ANY T* row(int64_t i) const { return data + i * stride; }
};

#if defined(__CUDA_ARCH__)
// out [16, 16] of a warp (+)= a [16, inner] b, with b^T given as rows (kTurned) or b as it is.
template <bool kTurned, typename Group>
__device__ void warp_product(const Group&, const Bfloat16* a, int64_t a_stride, const Bfloat16* b,
                             int64_t b_stride, int64_t inner, float* out, int64_t out_stride, bool add) {
  using namespace nvcuda;
  using Order = typename std::conditional<kTurned, wmma::col_major, wmma::row_major>::type;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  if (add) {
    wmma::load_matrix_sync(sum, out, static_cast<unsigned>(out_stride), wmma::mem_row_major);
  } else {
    wmma::fill_fragment(sum, 0.0f);
  }
  for (int64_t k = 0; k < inner; k += 16) {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, __nv_bfloat16, wmma::row_major> left;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, __nv_bfloat16, Order> right;
    wmma::load_matrix_sync(left, reinterpret_cast<const __nv_bfloat16*>(a + k),
                           static_cast<unsigned>(a_stride));
    const Bfloat16* from = kTurned ? b + k : b + k * b_stride;
    wmma::load_matrix_sync(right, reinterpret_cast<const __nv_bfloat16*>(from),
                           static_cast<unsigned>(b_stride));
    wmma::mma_sync(sum, left, right, sum);
  }
  wmma::store_matrix_sync(out, sum, static_cast<unsigned>(out_stride), wmma::mem_row_major);
}

template <bool kTurned, typename Group>
__device__ void tensor_product(const Group& group, Tile<Bfloat16> a, Tile<Bfloat16> b, int64_t rows,
                               int64_t columns, int64_t inner, Tile<float> out, bool add) {
  const int64_t pieces = rows / 16 * (columns / 16);
  for (int64_t i = group.warp(); i < pieces; i += group.warps()) {
    const int64_t row = i / (columns / 16) * 16;
    const int64_t column = i % (columns / 16) * 16;
    const Bfloat16* right = kTurned ? b.row(column) : b.data + column;
    warp_product<kTurned>(group, a.row(row), a.stride, right, b.stride, inner, out.row(row) + column,
                          out.stride, add);
  }
}
#endif

// out [rows, keys] = queries [rows, width] keys [keys, width]^T.
template <typename T, typename Group>
HW_ANY void multiply_scores(const Group& group, Tile<T> queries, Tile<T> keys, int64_t rows, int64_t count,
                            int64_t width, Tile<float> out) {
#if defined(__CUDA_ARCH__)
  if constexpr (sizeof(T) == 2) {
    tensor_product<true>(group, queries, keys, rows, count, width, out, false);
    return;
  }
#endif
  for (int64_t i = group.thread(); i < rows * count; i += group.threads()) {
    const T* query = queries.row(i / count);
    const T* key = keys.row(i % count);
    float sum = 0.0f;
    for (int64_t d = 0; d < width; ++d) sum += to_float(query[d]) * to_float(key[d]);
    out.row(i / count)[i % count] = sum;
  }
}

// out [rows, width] += weights [rows, keys] values [keys, width].
template <typename T, typename Group>
HW_ANY void add_mixed(const Group& group, Tile<T> weights, Tile<T> values, int64_t rows, int64_t count,
                      int64_t width, Tile<float> out) {
#if defined(__CUDA_ARCH__)
  if constexpr (sizeof(T) == 2) {
    tensor_product<false>(group, weights, values, rows, width, count, out, true);
    return;
  }
#endif
  for (int64_t i = group.thread(); i < rows * width; i += group.threads()) {
    const int64_t row = i / width;
    const int64_t d = i % width;
    float sum = 0.0f;
    for (int64_t key = 0; key < count; ++key)
      sum += to_float(weights.row(row)[key]) * to_float(values.row(key)[d]);
    out.row(row)[d] += sum;
  }
}

}  // namespace headwise::device
