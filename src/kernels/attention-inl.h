// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Attention and read-out over `Vec`: a register-blocked product of a few query rows with a strip of keys,
// softmax on it, and (attend) a second product with the values. Include a vec_*.h and elementwise-inl.h
// first.
//
// Bound: attend does 4*D flops per (row, key) pair; a strip is read once for all rows of a call and then
// stands in the first two caches, so it is bound by FMA throughput, plus one exp per pair (about 1/10 of the
// time at D = 64).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "kernels/block_product-inl.h"
#include "kernels/fetch-inl.h"
#include "kernels/key_tiles-inl.h"

namespace headwise::kernels {
namespace {

// A run of keys that is taken at once, as a call sees it: a tile of a block, or, where all rows see the whole
// block, its last two if the last one is not whole: each strip costs a row a maximum, a sum and a pass over
// its outputs.
struct Strip {
  const KeyBlock& block;
  int64_t first;    // its first key in the block
  int64_t columns;  // whole grains of it that some row sees
  // Of the rows' own block, where row r sees the keys up to place (first_row + r) / heads; 0 of others.
  int64_t heads;
  int64_t first_row;
  const int64_t* lowest;  // of each row the lowest position that it sees; null: all

  int64_t keys_of_row(int64_t row) const {
    if (heads == 0) return std::min(columns, block.count - first);
    return std::clamp<int64_t>((first_row + row) / heads + 1 - first, 0, columns);
  }
  // Keys of the strip that lie too far back for a row.
  int64_t keys_behind_row(int64_t row) const {
    if (lowest == nullptr) return 0;
    return std::clamp<int64_t>(keys_before(block, lowest[row]) - first, 0, columns);
  }
};

// Keys of the strip that begins with key `first`, in whole grains. What it is does not depend on where the
// strips before it begin.
inline int64_t strip_width(int64_t count, int64_t first) {
  const int64_t left = stored_keys(count - first);
  return left <= kStripKeys ? left : kKeyTile;
}

// The tiles of keys, and the rows of values, of a strip as fp32: where they stand, or decoded into `room`
// [strip_scratch(D)].
inline const float* strip_keys(const Strip& strip, int64_t head_width, float* room) {
  const KeyBlock& block = strip.block;
  if (block.type == KeptType::kFloat32) {
    return static_cast<const float*>(block.keys) + strip.first * head_width;
  }
  for (int64_t key = 0; key < strip.columns; key += kKeyTile) {
    decode_keys(block, strip.first + key, head_width, room + key * head_width);
  }
  return room;
}
inline const float* strip_values(const Strip& strip, int64_t head_width, float* room) {
  const KeyBlock& block = strip.block;
  const int64_t width = padded_width(head_width);
  if (block.type == KeptType::kFloat32) return static_cast<const float*>(block.values) + strip.first * width;
  for (int64_t key = 0; key < strip.columns; key += kKeyTile) {
    decode_values(block, strip.first + key, head_width, room + key * width);
  }
  return room;
}

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

// Calls visit(strip) for the strips of whole blocks, in order.
template <typename Visit>
inline void for_each_strip(std::span<const KeyBlock> blocks, const Reach& reach, const Visit& visit) {
  for (const KeyBlock& block : blocks) {
    for (int64_t key = reach.first_tile(block); key < block.count;) {
      const int64_t width = strip_width(block.count, key);
      visit(Strip{block, key, width, 0, 0, reach.lowest});
      key += width;
    }
  }
}

// The same for what `rows` rows see of their own block, by tiles: what a row does must not depend on what
// follows it there.
template <typename Visit>
inline void for_each_own_strip(const KeyBlock& own, int64_t heads, int64_t first_row, int64_t rows,
                               const Reach& reach, const Visit& visit) {
  const int64_t end = (first_row + rows - 1) / heads + 1;
  for (int64_t key = reach.first_tile(own); key < end; key += kKeyTile) {
    visit(Strip{own, key, tile_width(end, key), heads, first_row, reach.lowest});
  }
}

template <typename Visit>
inline void for_each_strip(const Visibility& visible, int64_t rows, const Reach& reach, const Visit& visit) {
  for_each_strip(visible.context, reach, visit);
  for_each_own_strip(visible.own, 1, visible.first_row, rows, reach, visit);
}

// Logits of rows [rows, query_stride] with the strip's tiles at `keys`.
inline void strip_product(const float* queries, int64_t query_stride, int64_t rows, const Strip& strip,
                          const float* keys, int64_t head_width, float* logits, int64_t stride) {
  for (int64_t key = 0; key < strip.columns; key += kKeyTile) {
    small_product<false>(queries, query_stride, rows, keys + key * head_width,
                         tile_width(strip.block.count, strip.first + key), head_width, logits + key, stride,
                         std::min(kKeyTile, strip.columns - key));
  }
}

// The logits of a row of a strip as the softmax takes them: capped, and hidden where the row sees no key.
inline void settle_logits(float* logits, const Strip& strip, int64_t row, float soft_cap) {
  if (soft_cap > 0.0f) cap_softly(logits, strip.columns, soft_cap);
  std::fill(logits, logits + strip.keys_behind_row(row), -INFINITY);
  for (int64_t i = strip.keys_of_row(row); i < strip.columns; ++i) logits[i] = -INFINITY;
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
// whole strip whose other keys are hidden: they would add exact zeros.
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

// Query rows on their way through the strips.
struct OnlineRows {
  const float* queries;  // [rows, D]
  int64_t head_width;
  float* logits;   // [rows, kStripKeys], of the strip in hand
  float* sums;     // [rows, padded D], unnormalised outputs
  float* largest;  // [rows]
  float* total;    // [rows]
  float* room;     // a strip of narrow keys or values as fp32
  float soft_cap;

  OnlineRows from(int64_t row) const {
    return {queries + row * head_width,
            head_width,
            logits + row * kStripKeys,
            sums + row * padded_width(head_width),
            largest + row,
            total + row,
            room,
            soft_cap};
  }
};

// Takes the logits of up to kBlockRows rows into their softmax, and makes them its terms. Step by step for
// all of them: the steps of one row wait for each other.
inline void take_logits(const OnlineRows& rows, int64_t first, int64_t count, const Strip& strip) {
  float top[kBlockRows];
  for (int64_t r = 0; r < count; ++r) {
    float* x = rows.logits + (first + r) * kStripKeys;
    settle_logits(x, strip, first + r, rows.soft_cap);
    top[r] = std::max(rows.largest[first + r], row_maximum(x, strip.columns));
  }
  for (int64_t r = 0; r < count; ++r) {
    // A row that sees nothing of this strip keeps its maximum: the correction is exactly 1 and every term 0.
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
    terms[r] = exponentiate(rows.logits + (first + r) * kStripKeys, strip.columns, shift_of(top[r]));
  }
  for (int64_t r = 0; r < count; ++r) rows.total[first + r] += terms[r].sum();
}

// What follows a strip in `blocks`, asked for while the strip is worked on, a share beside each of the row
// blocks: memory takes only so many questions at once. None is behind the last one.
class NextStrip {
 public:
  NextStrip() = default;
  NextStrip(std::span<const KeyBlock> blocks, const Strip& strip, int64_t head_width, int64_t row_blocks) {
    const KeyBlock* block = &strip.block;
    int64_t first = strip.first + strip.columns;
    if (first >= block->count) {
      if (++block == blocks.data() + blocks.size()) return;
      first = 0;
    }
    const int64_t size = kept_bytes(block->type);
    const int64_t width = padded_width(head_width);
    const int64_t keys = strip_width(block->count, first);
    keys_ = {static_cast<const std::byte*>(block->keys) + first * head_width * size,
             keys * head_width * size};
    values_ = {static_cast<const std::byte*>(block->values) + first * width * size, keys * width * size};
    share_ = round_up(divide_up(keys * width * size, row_blocks), kLineBytes);
  }

  void fetch_share() {
    keys_.fetch_up_to(share_);
    values_.fetch_up_to(share_);
  }

 private:
  struct Range {
    const std::byte* at = nullptr;
    int64_t left = 0;

    void fetch_up_to(int64_t bytes) {
      const int64_t taken = std::min(bytes, left);
      fetch(at, taken);
      at += taken;
      left -= taken;
    }
  };

  Range keys_;
  Range values_;
  int64_t share_ = 0;
};

// One strip for `count` rows. Its keys stay in the first-level cache while the rows pass, then its values do.
void attend_strip(const OnlineRows& rows, int64_t count, const Strip& strip, NextStrip next) {
  const int64_t D = rows.head_width;
  const int64_t width = padded_width(D);
  const float* keys = strip_keys(strip, D, rows.room);
  for (int64_t first = 0; first < count; first += kBlockRows) {
    const int64_t end = std::min(first + kBlockRows, count);
    next.fetch_share();
    strip_product(rows.queries + first * D, D, end - first, strip, keys, D, rows.logits + first * kStripKeys,
                  kStripKeys);
    take_logits(rows, first, end - first, strip);
  }
  const float* values = strip_values(strip, D, rows.room);
  small_product<true>(rows.logits, kStripKeys, count, values, width, strip.columns, rows.sums, width, width);
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
  rows.sums = rows.logits + kAttendRows * kStripKeys;
  rows.largest = rows.sums + kAttendRows * width;
  rows.total = rows.largest + kAttendRows;
  rows.room = rows.total + kAttendRows;
  std::fill(rows.sums, rows.sums + count * width, 0.0f);
  std::fill(rows.largest, rows.largest + count, -INFINITY);
  std::fill(rows.total, rows.total + count, 0.0f);

  for_each_strip(args.shared, reach, [&](const Strip& strip) {
    attend_strip(rows, count, strip, {args.shared, strip, args.head_width, divide_up(count, kBlockRows)});
  });
  int64_t first = 0;
  for (const QueryRows& part : args.parts) {
    const OnlineRows own = rows.from(first);
    const auto visit = [&](const Strip& strip) { attend_strip(own, part.rows, strip, {}); };
    for_each_strip(part.context, reach.from(first), visit);
    for_each_own_strip(part.own, args.heads, part.first, part.rows, reach.from(first), visit);
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

// How many of the rows are read at once, `most` at most: all parts alike, in whole blocks where that many are
// allowed.
inline int64_t even_blocks(int64_t rows, int64_t most) {
  const int64_t even = divide_up(rows, divide_up(rows, most));
  return std::min(round_up(even, kBlockRows), most);
}

void read(const ReadArgs& args) {
  const int64_t most = even_blocks(args.rows, read_rows_at_once(keys_seen(args.visible, args.rows)));
  for (int64_t first = 0; first < args.rows; first += most) {
    const int64_t rows = std::min(most, args.rows - first);
    Visibility visible = args.visible;
    visible.first_row += first;
    int64_t lowest[kMostReadRows] = {};
    Reach reach;
    if (args.rules.window > 0) {
      for (int64_t row = 0; row < rows; ++row) {
        lowest[row] = lowest_seen(args.rules, visible.own, visible.first_row + row);
      }
      reach = reach_of(lowest, rows);
    }
    const int64_t stride = keys_seen(visible, rows);  // logits [rows, stride], strips in the order of visits
    float largest[kMostReadRows];
    std::fill(largest, largest + rows, -INFINITY);
    float* all_logits = args.scratch + strip_scratch(args.head_width);
    float* logits = all_logits;
    for_each_strip(visible, rows, reach, [&](const Strip& strip) {
      strip_product(args.queries + first * args.query_stride, args.query_stride, rows, strip,
                    strip_keys(strip, args.head_width, args.scratch), args.head_width, logits, stride);
      for (int64_t row = 0; row < rows; ++row) {
        settle_logits(logits + row * stride, strip, row, args.rules.soft_cap);
        largest[row] = std::max(largest[row], row_maximum(logits + row * stride, strip.columns));
      }
      logits += strip.columns;
    });
    double total[kMostReadRows] = {};
    float* terms = all_logits;
    for_each_strip(visible, rows, reach, [&](const Strip& strip) {
      for (int64_t row = 0; row < rows; ++row) {
        total[row] += exponentiate(terms + row * stride, strip.columns, largest[row]).sum();
      }
      terms += strip.columns;
    });
    float scales[kMostReadRows];
    for (int64_t row = 0; row < rows; ++row) scales[row] = static_cast<float>(1.0 / total[row]);
    const float* probabilities = all_logits;
    for_each_strip(visible, rows, reach, [&](const Strip& strip) {
      float* sums = args.attention_sum + strip.block.place + strip.first;
      for (int64_t i = 0; i < strip.columns; i += Vec::kLanes) {
        Vec sum = Vec::load(sums + i);
        for (int64_t row = 0; row < rows; ++row) {
          sum = Vec::fma(Vec::load(probabilities + row * stride + i), Vec::set(scales[row]), sum);
        }
        sum.store(sums + i);
      }
      probabilities += strip.columns;
    });
  }
}

}  // namespace
}  // namespace headwise::kernels
