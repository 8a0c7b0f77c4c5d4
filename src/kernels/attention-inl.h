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

#include "kernels/key_tiles-inl.h"

namespace headwise::kernels {
namespace {

inline constexpr int64_t kBlockRows = 6;

// A tile of keys or values as fp32: where it stands, or decoded into `room` [tile_scratch(D)].
inline const float* key_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* room) {
  if (block.type == KeptType::kFloat32) return static_cast<const float*>(block.keys) + first * head_width;
  decode_keys(block, first, head_width, room);
  return room;
}
inline const float* value_tile(const KeyBlock& block, int64_t first, int64_t head_width, float* room) {
  if (block.type == KeptType::kFloat32) {
    return static_cast<const float*>(block.values) + first * padded_width(head_width);
  }
  decode_values(block, first, head_width, room);
  return room;
}

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
  // Columns are whole grains: one to three vectors of 16 lanes are left, or none of 8.
  const auto rest = [&]<int64_t V>() {
    block_product<R, V, kAccumulate>(a, a_stride, b + column, b_stride, depth, out + column, out_stride);
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

// out [rows, columns] (+)= a [rows, depth] b [depth, columns]; columns a multiple of kKeyGrain.
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

// A tile of keys as a call sees it.
struct SeenTile {
  const KeyBlock& block;
  int64_t first;    // its first key in the block
  int64_t stride;   // its width
  int64_t columns;  // whole grains of it that some row sees
  int64_t keys;     // visible to every row; causal: to row 0, may be <= 0, one more to each row after it
  bool causal;

  int64_t keys_of_row(int64_t row) const {
    return causal ? std::clamp<int64_t>(keys + row, 0, columns) : keys;
  }
};

// Calls visit(tile) for the key tiles a call sees, in order.
template <typename Visit>
inline void for_each_tile(const Visibility& visible, int64_t rows, const Visit& visit) {
  for (const KeyBlock& block : visible.context) {
    for (int64_t key = 0; key < block.count; key += kKeyTile) {
      const int64_t width = tile_width(block.count, key);
      visit(SeenTile{block, key, width, width, std::min(kKeyTile, block.count - key), false});
    }
  }
  const int64_t own_end = visible.first_row + rows;  // keys of its own segment that the last row sees
  for (int64_t own = 0; own < own_end; own += kKeyTile) {
    const int64_t by_first = visible.first_row + 1 - own;
    const int64_t columns = tile_width(own_end, own);
    visit(SeenTile{visible.own, own, tile_width(visible.own.count, own), columns, std::min(columns, by_first),
                   by_first < columns});
  }
}

// Hides the keys of a tile row past the first `keys`.
inline void hide_after(float* logits, int64_t keys, int64_t columns) {
  for (int64_t i = keys; i < columns; ++i) logits[i] = -INFINITY;
}

inline float row_maximum(const float* x, int64_t count) {
  Vec largest = Vec::load(x);
  for (int64_t i = Vec::kLanes; i < count; i += Vec::kLanes) largest = Vec::max(largest, Vec::load(x + i));
  return largest.maximum();
}

// x = exp(x - shift); returns the sum. count is a multiple of kKeyGrain. The sum is the one of a whole tile
// whose other keys are hidden: they would add exact zeros.
inline float exponentiate(float* x, int64_t count, float shift) {
  const Vec s = Vec::set(shift);
  Vec even = Vec::zero();
  Vec odd = Vec::zero();
  int64_t i = 0;
  for (; i + 2 * Vec::kLanes <= count; i += 2 * Vec::kLanes) {
    const Vec a = exponential(Vec::load(x + i) - s);
    const Vec b = exponential(Vec::load(x + i + Vec::kLanes) - s);
    a.store(x + i);
    b.store(x + i + Vec::kLanes);
    even = even + a;
    odd = odd + b;
  }
  if (i < count) {
    const Vec a = exponential(Vec::load(x + i) - s);
    a.store(x + i);
    even = even + a;
  }
  return (even + odd).sum();
}

void attend(const AttendArgs& args) {
  const int64_t width = padded_width(args.head_width);
  float* logits = args.scratch;                  // [rows, 64]
  float* sums = logits + kQueryTile * kKeyTile;  // [rows, width], unnormalised outputs
  float* largest = sums + kQueryTile * width;    // [rows]
  float* total = largest + kQueryTile;           // [rows]
  float* room = total + kQueryTile;              // a tile of narrow keys or values as fp32
  std::fill(sums, sums + args.rows * width, 0.0f);
  std::fill(largest, largest + args.rows, -INFINITY);
  std::fill(total, total + args.rows, 0.0f);

  for_each_tile(args.visible, args.rows, [&](const SeenTile& tile) {
    small_product<false>(args.queries, args.query_stride, args.rows,
                         key_tile(tile.block, tile.first, args.head_width, room), tile.stride,
                         args.head_width, logits, kKeyTile, tile.columns);
    for (int64_t row = 0; row < args.rows; ++row) {
      float* x = logits + row * kKeyTile;
      hide_after(x, tile.keys_of_row(row), tile.columns);
      const float top = std::max(largest[row], row_maximum(x, tile.columns));
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
      total[row] += exponentiate(x, tile.columns, top);
    }
    small_product<true>(logits, kKeyTile, args.rows,
                        value_tile(tile.block, tile.first, args.head_width, room), width, tile.columns, sums,
                        width, width);
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
    float* all_logits = args.scratch + tile_scratch(args.head_width);
    float* logits = all_logits;
    for_each_tile(visible, rows, [&](const SeenTile& tile) {
      small_product<false>(args.queries + first * args.query_stride, args.query_stride, rows,
                           key_tile(tile.block, tile.first, args.head_width, args.scratch), tile.stride,
                           args.head_width, logits, stride, tile.columns);
      for (int64_t row = 0; row < rows; ++row) {
        hide_after(logits + row * stride, tile.keys_of_row(row), tile.columns);
        largest[row] = std::max(largest[row], row_maximum(logits + row * stride, tile.columns));
      }
      logits += tile.columns;
    });
    double total[kReadRows] = {};
    float* terms = all_logits;
    for_each_tile(visible, rows, [&](const SeenTile& tile) {
      for (int64_t row = 0; row < rows; ++row) {
        total[row] += exponentiate(terms + row * stride, tile.columns, largest[row]);
      }
      terms += tile.columns;
    });
    const float* probabilities = all_logits;
    for_each_tile(visible, rows, [&](const SeenTile& tile) {
      float* sum = args.attention_sum + tile.block.place + tile.first;
      for (int64_t row = 0; row < rows; ++row) {
        const Vec scale = Vec::set(static_cast<float>(1.0 / total[row]));
        const float* x = probabilities + row * stride;
        for (int64_t i = 0; i < tile.columns; i += Vec::kLanes) {
          Vec::fma(Vec::load(x + i), scale, Vec::load(sum + i)).store(sum + i);
        }
      }
      probabilities += tile.columns;
    });
  }
}

}  // namespace
}  // namespace headwise::kernels
