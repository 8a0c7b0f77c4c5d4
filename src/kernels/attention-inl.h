// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Attention and read-out over `Vec`: a register-blocked product of a few query rows with a 64-key tile,
// softmax on it, and (attend) a second product with the values. Include a vec_*.h and elementwise-inl.h
// first.
//
// Bound: attend does 4*D flops per (row, key) pair; a tile is read once for all rows of a call and then
// stands in the first-level cache, so it is bound by FMA throughput, plus one exp per pair (about 1/10 of the
// time at D = 64).
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/block_product-inl.h"
#include "kernels/fetch-inl.h"
#include "kernels/key_tiles-inl.h"

namespace headwise::kernels {
namespace {

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

// A tile of keys as a call sees it.
struct SeenTile {
  const KeyBlock& block;
  int64_t first;    // its first key in the block
  int64_t stride;   // its width
  int64_t columns;  // whole grains of it that some row sees
  // Of the rows' own block, where row r sees the keys up to place (first_row + r) / heads; 0 of others.
  int64_t heads;
  int64_t first_row;
  const int64_t* lowest;  // of each row the lowest position that it sees; null: all

  int64_t keys_of_row(int64_t row) const {
    if (heads == 0) return std::min(columns, block.count - first);
    return std::clamp<int64_t>((first_row + row) / heads + 1 - first, 0, columns);
  }
  // Keys of the tile that lie too far back for a row.
  int64_t keys_behind_row(int64_t row) const {
    if (lowest == nullptr) return 0;
    return std::clamp<int64_t>(keys_before(block, lowest[row]) - first, 0, columns);
  }
};

// Which keys rows see by their positions: from `lowest` of each on (null: all), which is never below `least`.
struct Reach {
  const int64_t* lowest = nullptr;
  int64_t least = INT64_MIN;

  Reach from(int64_t row) const { return {lowest == nullptr ? nullptr : lowest + row, least}; }
  // The first tile of a block that some row may see something of. Tiles before it would add exact zeros.
  int64_t first_tile(const KeyBlock& block) const {
    return lowest == nullptr ? 0 : keys_before(block, least) / kKeyTile * kKeyTile;
  }
};

inline Reach reach_of(const int64_t* lowest, int64_t rows) {
  return {lowest, *std::min_element(lowest, lowest + rows)};
}

// Calls visit(tile) for the tiles of whole blocks, in order.
template <typename Visit>
inline void for_each_tile(std::span<const KeyBlock> blocks, const Reach& reach, const Visit& visit) {
  for (const KeyBlock& block : blocks) {
    for (int64_t key = reach.first_tile(block); key < block.count; key += kKeyTile) {
      const int64_t width = tile_width(block.count, key);
      visit(SeenTile{block, key, width, width, 0, 0, reach.lowest});
    }
  }
}

// The same for what `rows` rows see of their own block.
template <typename Visit>
inline void for_each_own_tile(const KeyBlock& own, int64_t heads, int64_t first_row, int64_t rows,
                              const Reach& reach, const Visit& visit) {
  const int64_t end = (first_row + rows - 1) / heads + 1;
  for (int64_t key = reach.first_tile(own); key < end; key += kKeyTile) {
    visit(
        SeenTile{own, key, tile_width(own.count, key), tile_width(end, key), heads, first_row, reach.lowest});
  }
}

template <typename Visit>
inline void for_each_tile(const Visibility& visible, int64_t rows, const Reach& reach, const Visit& visit) {
  for_each_tile(visible.context, reach, visit);
  for_each_own_tile(visible.own, 1, visible.first_row, rows, reach, visit);
}

// The logits of a row of a tile as the softmax takes them: capped, and hidden where the row sees no key.
inline void settle_logits(float* logits, const SeenTile& tile, int64_t row, float soft_cap) {
  if (soft_cap > 0.0f) cap_softly(logits, tile.columns, soft_cap);
  std::fill(logits, logits + tile.keys_behind_row(row), -INFINITY);
  for (int64_t i = tile.keys_of_row(row); i < tile.columns; ++i) logits[i] = -INFINITY;
}

// What is taken from logits before exp; a row that has seen nothing yet has only hidden ones, and exp makes
// zeros of them.
inline float shift_of(float largest) { return largest == -INFINITY ? 0.0f : largest; }

inline float row_maximum(const float* x, int64_t count) {
  Vec largest = Vec::load(x);
  for (int64_t i = Vec::kLanes; i < count; i += Vec::kLanes) largest = Vec::max(largest, Vec::load(x + i));
  return largest.maximum();
}

// x = exp(x - shift); returns the sum by lanes. count is a multiple of kKeyGrain. The sum is the one of a
// whole tile whose other keys are hidden: they would add exact zeros.
inline Vec exponentiate(float* x, int64_t count, float shift) {
  constexpr int64_t kSide = 4;  // vectors
  const Vec s = Vec::set(shift);
  Vec even = Vec::zero();
  Vec odd = Vec::zero();
  int64_t i = 0;
  const auto take = [&]<int64_t N>() {
    Vec terms[N];
    unrolled<N>([&](auto v) { terms[v] = Vec::load(x + i + v * Vec::kLanes) - s; });
    exponentials(terms);
    unrolled<N>([&](auto v) {
      terms[v].store(x + i + v * Vec::kLanes);
      if constexpr (v % 2 == 0) {
        even = even + terms[v];
      } else {
        odd = odd + terms[v];
      }
    });
    i += N * Vec::kLanes;
  };
  while (i + kSide * Vec::kLanes <= count) take.template operator()<kSide>();
  if (i + 2 * Vec::kLanes <= count) take.template operator()<2>();
  if (i < count) take.template operator()<1>();
  return even + odd;
}

// Query rows on their way through the tiles.
struct OnlineRows {
  const float* queries;  // [rows, D]
  int64_t head_width;
  float* logits;   // [rows, 64], of the tile in hand
  float* sums;     // [rows, padded D], unnormalised outputs
  float* largest;  // [rows]
  float* total;    // [rows]
  float* room;     // a tile of narrow keys or values as fp32
  float soft_cap;

  OnlineRows from(int64_t row) const {
    return {queries + row * head_width,
            head_width,
            logits + row * kKeyTile,
            sums + row * padded_width(head_width),
            largest + row,
            total + row,
            room,
            soft_cap};
  }
};

// Takes the logits of up to kBlockRows rows into their softmax, and makes them its terms. Step by step for
// all of them: the steps of one row wait for each other.
inline void take_logits(const OnlineRows& rows, int64_t first, int64_t count, const SeenTile& tile) {
  float top[kBlockRows];
  for (int64_t r = 0; r < count; ++r) {
    float* x = rows.logits + (first + r) * kKeyTile;
    settle_logits(x, tile, first + r, rows.soft_cap);
    top[r] = std::max(rows.largest[first + r], row_maximum(x, tile.columns));
  }
  for (int64_t r = 0; r < count; ++r) {
    // A row that sees nothing of this tile keeps its maximum: the correction is exactly 1 and every term 0.
    float& largest = rows.largest[first + r];
    if (top[r] == largest) continue;
    const float correction = std::exp(largest - top[r]);
    rows.total[first + r] *= correction;
    const int64_t width = padded_width(rows.head_width);
    const Vec c = Vec::set(correction);
    float* sums = rows.sums + (first + r) * width;
    for (int64_t d = 0; d < width; d += Vec::kLanes) (Vec::load(sums + d) * c).store(sums + d);
    largest = top[r];
  }
  Vec terms[kBlockRows];
  for (int64_t r = 0; r < count; ++r) {
    terms[r] = exponentiate(rows.logits + (first + r) * kKeyTile, tile.columns, shift_of(top[r]));
  }
  for (int64_t r = 0; r < count; ++r) rows.total[first + r] += terms[r].sum();
}

// The keys of the tile behind this one of `blocks`, where there is one.
inline void fetch_next_keys(std::span<const KeyBlock> blocks, const SeenTile& tile, int64_t head_width) {
  const KeyBlock* block = &tile.block;
  int64_t first = tile.first + kKeyTile;
  if (first >= block->count) {
    if (++block == blocks.data() + blocks.size()) return;
    first = 0;
  }
  const int64_t size = kept_bytes(block->type);
  fetch(static_cast<const char*>(block->keys) + first * head_width * size,
        tile_width(block->count, first) * head_width * size);
}

// One tile for `count` rows. The tile of keys stays in the first-level cache while the rows pass, then the
// one of values does.
void attend_tile(const OnlineRows& rows, int64_t count, const SeenTile& tile) {
  const int64_t D = rows.head_width;
  const int64_t width = padded_width(D);
  const float* keys = key_tile(tile.block, tile.first, D, rows.room);
  for (int64_t first = 0; first < count; first += kBlockRows) {
    const int64_t end = std::min(first + kBlockRows, count);
    small_product<false>(rows.queries + first * D, D, end - first, keys, tile.stride, D,
                         rows.logits + first * kKeyTile, kKeyTile, tile.columns);
    take_logits(rows, first, end - first, tile);
  }
  const float* values = value_tile(tile.block, tile.first, D, rows.room);
  small_product<true>(rows.logits, kKeyTile, count, values, width, tile.columns, rows.sums, width, width);
}

// The lowest position that each query row of a call sees; `lowest` has room for kAttendRows.
inline Reach reach_of(const AttendArgs& args, int64_t* lowest) {
  if (args.rules.window == 0) return {};
  int64_t count = 0;
  for (const QueryRows& part : args.parts) {
    for (int64_t row = part.first; row < part.first + part.rows; ++row) {
      lowest[count++] = lowest_seen(args.rules, part.own, row / args.heads);
    }
  }
  return reach_of(lowest, count);
}

void attend(const AttendArgs& args) {
  const int64_t width = padded_width(args.head_width);
  int64_t count = 0;
  for (const QueryRows& part : args.parts) count += part.rows;
  int64_t lowest[kAttendRows] = {};
  const Reach reach = reach_of(args, lowest);
  OnlineRows rows{args.queries, args.head_width, args.scratch, nullptr,
                  nullptr,      nullptr,         nullptr,      args.rules.soft_cap};
  rows.sums = rows.logits + kAttendRows * kKeyTile;
  rows.largest = rows.sums + kAttendRows * width;
  rows.total = rows.largest + kAttendRows;
  rows.room = rows.total + kAttendRows;
  std::fill(rows.sums, rows.sums + count * width, 0.0f);
  std::fill(rows.largest, rows.largest + count, -INFINITY);
  std::fill(rows.total, rows.total + count, 0.0f);

  for_each_tile(args.shared, reach, [&](const SeenTile& tile) {
    const int64_t size = kept_bytes(tile.block.type);
    fetch(static_cast<const char*>(tile.block.values) + tile.first * width * size,
          tile.stride * width * size);
    fetch_next_keys(args.shared, tile, args.head_width);
    attend_tile(rows, count, tile);
  });
  int64_t first = 0;
  for (const QueryRows& part : args.parts) {
    const OnlineRows own = rows.from(first);
    const auto visit = [&](const SeenTile& tile) { attend_tile(own, part.rows, tile); };
    for_each_tile(part.context, reach.from(first), visit);
    for_each_own_tile(part.own, args.heads, part.first, part.rows, reach.from(first), visit);
    first += part.rows;
  }

  for (int64_t row = 0; row < count; ++row) {
    const Vec scale = Vec::set(1.0f / rows.total[row]);
    float* out = args.out + row * args.head_width;
    for_each_vector(args.head_width, [&](int64_t d, int64_t lanes) {
      (Vec::load(rows.sums + row * width + d) * scale).store_first(out + d, lanes);
    });
  }
}

void read(const ReadArgs& args) {
  for (int64_t first = 0; first < args.rows; first += kReadRows) {
    const int64_t rows = std::min(kReadRows, args.rows - first);
    Visibility visible = args.visible;
    visible.first_row += first;
    int64_t lowest[kReadRows] = {};
    Reach reach;
    if (args.rules.window > 0) {
      for (int64_t row = 0; row < rows; ++row) {
        lowest[row] = lowest_seen(args.rules, visible.own, visible.first_row + row);
      }
      reach = reach_of(lowest, rows);
    }
    const int64_t stride = keys_seen(visible, rows);  // logits [rows, stride], tiles in the order of visits
    float largest[kReadRows];
    std::fill(largest, largest + rows, -INFINITY);
    float* all_logits = args.scratch + tile_scratch(args.head_width);
    float* logits = all_logits;
    for_each_tile(visible, rows, reach, [&](const SeenTile& tile) {
      small_product<false>(args.queries + first * args.query_stride, args.query_stride, rows,
                           key_tile(tile.block, tile.first, args.head_width, args.scratch), tile.stride,
                           args.head_width, logits, stride, tile.columns);
      for (int64_t row = 0; row < rows; ++row) {
        settle_logits(logits + row * stride, tile, row, args.rules.soft_cap);
        largest[row] = std::max(largest[row], row_maximum(logits + row * stride, tile.columns));
      }
      logits += tile.columns;
    });
    double total[kReadRows] = {};
    float* terms = all_logits;
    for_each_tile(visible, rows, reach, [&](const SeenTile& tile) {
      for (int64_t row = 0; row < rows; ++row) {
        total[row] += exponentiate(terms + row * stride, tile.columns, largest[row]).sum();
      }
      terms += tile.columns;
    });
    float scales[kReadRows];
    for (int64_t row = 0; row < rows; ++row) scales[row] = static_cast<float>(1.0 / total[row]);
    const float* probabilities = all_logits;
    for_each_tile(visible, rows, reach, [&](const SeenTile& tile) {
      float* sums = args.attention_sum + tile.block.place + tile.first;
      for (int64_t i = 0; i < tile.columns; i += Vec::kLanes) {
        Vec sum = Vec::load(sums + i);
        for (int64_t row = 0; row < rows; ++row) {
          sum = Vec::fma(Vec::load(probabilities + row * stride + i), Vec::set(scales[row]), sum);
        }
        sum.store(sums + i);
      }
      probabilities += tile.columns;
    });
  }
}

}  // namespace
}  // namespace headwise::kernels
