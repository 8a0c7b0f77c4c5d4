// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Attention and read-out over `Vec`: a register-blocked product of a few query rows with a 64-key tile,
// softmax on it, and (attend) a second product with the values. Include a vec_*.h and elementwise-inl.h
// first.
//
// Bound: attend does 4*D flops per (row, key) pair on 64-column tiles that live in the second-level cache, so
// it is bound by FMA throughput, plus one exp per pair (about 1/10 of the time at D = 64).
#pragma once

#include <algorithm>
#include <cmath>

namespace headwise::kernels {
namespace {

inline constexpr int64_t kBlockRows = 6;

// out[r][0 .. V*lanes) (+)= sum over k of a[r][k] * b[k][...], for R rows and V vectors of columns held in
// registers. Each sum runs over k in order, one FMA after the other: the same bits for any R.
template <int64_t R, int64_t V, bool kAccumulate>
inline void block_product(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t depth,
                          float* out, int64_t out_stride) {
  Vec sums[R][V];
  for (int64_t r = 0; r < R; ++r) {
    for (int64_t v = 0; v < V; ++v) {
      sums[r][v] = kAccumulate ? Vec::load(out + r * out_stride + v * Vec::kLanes) : Vec::zero();
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec columns[V];
    for (int64_t v = 0; v < V; ++v) columns[v] = Vec::load(b + k * b_stride + v * Vec::kLanes);
    for (int64_t r = 0; r < R; ++r) {
      const Vec factor = Vec::set(a[r * a_stride + k]);
      for (int64_t v = 0; v < V; ++v) sums[r][v] = Vec::fma(factor, columns[v], sums[r][v]);
    }
  }
  for (int64_t r = 0; r < R; ++r) {
    for (int64_t v = 0; v < V; ++v) sums[r][v].store(out + r * out_stride + v * Vec::kLanes);
  }
}

template <int64_t R, bool kAccumulate>
inline void row_block_product(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                              int64_t depth, float* out, int64_t out_stride, int64_t columns) {
  constexpr int64_t kWide = Vec::kColumnVectors * Vec::kLanes;
  int64_t column = 0;
  for (; column + kWide <= columns; column += kWide) {
    block_product<R, Vec::kColumnVectors, kAccumulate>(a, a_stride, b + column, b_stride, depth, out + column,
                                                       out_stride);
  }
  for (; column < columns; column += Vec::kLanes) {
    block_product<R, 1, kAccumulate>(a, a_stride, b + column, b_stride, depth, out + column, out_stride);
  }
}

// out [rows, columns] (+)= a [rows, depth] b [depth, columns]; columns a multiple of Vec::kLanes.
template <bool kAccumulate>
void small_product(const float* a, int64_t a_stride, int64_t rows, const float* b, int64_t b_stride,
                   int64_t depth, float* out, int64_t out_stride, int64_t columns) {
  int64_t row = 0;
  for (; row + kBlockRows <= rows; row += kBlockRows) {
    row_block_product<kBlockRows, kAccumulate>(a + row * a_stride, a_stride, b, b_stride, depth,
                                               out + row * out_stride, out_stride, columns);
  }
  const auto rest = [&]<int64_t R>() {
    row_block_product<R, kAccumulate>(a + row * a_stride, a_stride, b, b_stride, depth,
                                      out + row * out_stride, out_stride, columns);
  };
  switch (rows - row) {
    case 5:
      return rest.template operator()<5>();
    case 4:
      return rest.template operator()<4>();
    case 3:
      return rest.template operator()<3>();
    case 2:
      return rest.template operator()<2>();
    case 1:
      return rest.template operator()<1>();
    default:
      return;
  }
}

// Calls visit(block, first, keys, causal) for the key tiles a call sees, in order: the tile of `block` that
// begins with its key `first`; `keys` of the 64 are visible to every row (causal false) or up to a row's own
// place (causal true; `keys` counts from row 0, may be <= 0).
template <typename Visit>
inline void for_each_tile(const Visibility& visible, int64_t rows, const Visit& visit) {
  for (const KeyBlock& block : visible.context) {
    for (int64_t key = 0; key < block.count; key += kKeyTile) {
      visit(block, key, std::min(kKeyTile, block.count - key), false);
    }
  }
  const int64_t own_end = visible.first_row + rows;  // keys of its own segment that the last row sees
  for (int64_t own = 0; own < own_end; own += kKeyTile) {
    const int64_t seen_by_first = visible.first_row + 1 - own;
    visit(visible.own, own, std::min(kKeyTile, seen_by_first), seen_by_first < kKeyTile);
  }
}

// How many of a tile's keys row r sees.
inline int64_t keys_of_row(int64_t keys, bool causal, int64_t row) {
  return causal ? std::clamp<int64_t>(keys + row, 0, kKeyTile) : keys;
}

// Hides the keys of a tile row past the first `keys`.
inline void hide_after(float* logits, int64_t keys) {
  for (int64_t i = keys; i < kKeyTile; ++i) logits[i] = -INFINITY;
}

inline float row_maximum(const float* x, int64_t count) {
  Vec largest = Vec::load(x);
  for (int64_t i = Vec::kLanes; i < count; i += Vec::kLanes) largest = Vec::max(largest, Vec::load(x + i));
  return largest.maximum();
}

// x = exp(x - shift); returns the sum. count is a multiple of kKeyTile.
inline float exponentiate(float* x, int64_t count, float shift) {
  const Vec s = Vec::set(shift);
  Vec even = Vec::zero();
  Vec odd = Vec::zero();
  for (int64_t i = 0; i < count; i += 2 * Vec::kLanes) {
    const Vec a = exponential(Vec::load(x + i) - s);
    const Vec b = exponential(Vec::load(x + i + Vec::kLanes) - s);
    a.store(x + i);
    b.store(x + i + Vec::kLanes);
    even = even + a;
    odd = odd + b;
  }
  return (even + odd).sum();
}

void attend(const AttendArgs& args) {
  const int64_t width = padded_width(args.head_width);
  float* logits = args.scratch;                  // [rows, 64]
  float* sums = logits + kQueryTile * kKeyTile;  // [rows, width], unnormalised outputs
  float* largest = sums + kQueryTile * width;    // [rows]
  float* total = largest + kQueryTile;           // [rows]
  std::fill(sums, sums + args.rows * width, 0.0f);
  std::fill(largest, largest + args.rows, -INFINITY);
  std::fill(total, total + args.rows, 0.0f);

  for_each_tile(args.visible, args.rows, [&](const KeyBlock& block, int64_t key, int64_t keys, bool causal) {
    small_product<false>(args.queries, args.query_stride, args.rows, block.keys + key * args.head_width,
                         kKeyTile, args.head_width, logits, kKeyTile, kKeyTile);
    for (int64_t row = 0; row < args.rows; ++row) {
      float* x = logits + row * kKeyTile;
      hide_after(x, keys_of_row(keys, causal, row));
      const float top = std::max(largest[row], row_maximum(x, kKeyTile));
      // A row that sees nothing of this tile keeps its maximum: the correction is exactly 1 and every term 0.
      if (top != largest[row]) {
        const float correction = std::exp(largest[row] - top);
        total[row] *= correction;
        const Vec c = Vec::set(correction);
        for (int64_t d = 0; d < width; d += Vec::kLanes) {
          (Vec::load(sums + row * width + d) * c).store(sums + row * width + d);
        }
        largest[row] = top;
      }
      total[row] += exponentiate(x, kKeyTile, top);
    }
    small_product<true>(logits, kKeyTile, args.rows, block.values + key * width, width, kKeyTile, sums, width,
                        width);
  });

  for (int64_t row = 0; row < args.rows; ++row) {
    const Vec scale = Vec::set(1.0f / total[row]);
    float* out = args.out + row * args.out_stride;
    for_each_vector(args.head_width, [&](int64_t d, int64_t lanes) {
      (Vec::load(sums + row * width + d) * scale).store_first(out + d, lanes);
    });
  }
}

void read(const ReadArgs& args) {
  for (int64_t first = 0; first < args.rows; first += kReadRows) {
    const int64_t rows = std::min(kReadRows, args.rows - first);
    Visibility visible = args.visible;
    visible.first_row += first;
    const int64_t stride = keys_seen(visible, rows);  // logits [rows, stride], tiles in the order of visits
    float largest[kReadRows];
    std::fill(largest, largest + rows, -INFINITY);
    float* logits = args.scratch;
    for_each_tile(visible, rows, [&](const KeyBlock& block, int64_t key, int64_t keys, bool causal) {
      small_product<false>(args.queries + first * args.query_stride, args.query_stride, rows,
                           block.keys + key * args.head_width, kKeyTile, args.head_width, logits, stride,
                           kKeyTile);
      for (int64_t row = 0; row < rows; ++row) {
        hide_after(logits + row * stride, keys_of_row(keys, causal, row));
        largest[row] = std::max(largest[row], row_maximum(logits + row * stride, kKeyTile));
      }
      logits += kKeyTile;
    });
    double total[kReadRows] = {};
    for (int64_t tile = 0; tile < stride; tile += kKeyTile) {
      for (int64_t row = 0; row < rows; ++row) {
        total[row] += exponentiate(args.scratch + row * stride + tile, kKeyTile, largest[row]);
      }
    }
    const float* probabilities = args.scratch;
    for_each_tile(visible, rows, [&](const KeyBlock& block, int64_t key, int64_t, bool) {
      float* sum = args.attention_sum + block.place + key;
      for (int64_t row = 0; row < rows; ++row) {
        const Vec scale = Vec::set(static_cast<float>(1.0 / total[row]));
        const float* x = probabilities + row * stride;
        for (int64_t i = 0; i < kKeyTile; i += Vec::kLanes) {
          Vec::fma(Vec::load(x + i), scale, Vec::load(sum + i)).store(sum + i);
        }
      }
      probabilities += kKeyTile;
    });
  }
}

}  // namespace
}  // namespace headwise::kernels
