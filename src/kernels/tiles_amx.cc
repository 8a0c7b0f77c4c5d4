// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of bf16 and int8 in tiles of 16 rows by 16 outputs (AMX: Intel's manual, volume 1, chapter 18).
// Rows and panels are those of avx512_bf16 and avx512_vnni: 16 steps of a panel are the 16 lines of a tile.
// 32 rows by 32 outputs of sums stand in four tiles, beside two tiles of rows and two of columns. CMake gives
// this one file the compiler flags.
//
// Bound: 16 cycles for 8,192 (bf16) or 16,384 (int8) multiply-adds, beside which one tile is read. int8
// leaves its tiles after each span, and is scaled: about as long as its products take.
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/fetch-inl.h"
#include "kernels/kernels.h"
#include "kernels/reduced.h"
#include "kernels/spans_avx512-inl.h"
#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

constexpr int64_t kTileRows = 16;
constexpr int64_t kTileLanes = 16;   // sums of a row
constexpr int64_t kTileGroups = 16;  // steps
constexpr int64_t kGroupBytes = 4;   // of either type
constexpr int64_t kTileLine = kTileGroups * kGroupBytes;
constexpr int64_t kWidth = 64;  // outputs of a panel
constexpr int64_t kStepBytes = kWidth * kGroupBytes;
constexpr int64_t kBlockRows = 2 * kTileRows;
constexpr int64_t kBlockColumns = 2 * kTileLanes;

// Tiles 0 to 3 are sums, of the upper rows' left and right columns, then of the lower rows'; 4 and 5 are
// rows, 6 and 7 columns. Instructions name a tile by a number that the compiler knows.
struct Bfloat16 {
  static void upper_left() { _tile_dpbf16ps(0, 4, 6); }
  static void upper_right() { _tile_dpbf16ps(1, 4, 7); }
  static void lower_left() { _tile_dpbf16ps(2, 5, 6); }
  static void lower_right() { _tile_dpbf16ps(3, 5, 7); }
};
// Rows are 128 larger than they are, as for vpdpbusd.
struct Int8 {
  static constexpr int64_t kSpanGroups = kInt8Span / kGroupBytes;
  static void upper_left() { _tile_dpbusd(0, 4, 6); }
  static void upper_right() { _tile_dpbusd(1, 4, 7); }
  static void lower_left() { _tile_dpbusd(2, 5, 6); }
  static void lower_right() { _tile_dpbusd(3, 5, 7); }
};

// What was written stands in memory: GCC 12's tile instructions do not tell the compiler what they read.
void written(const void* what) { asm volatile("" : : "r"(what) : "memory"); }

// As ldtilecfg reads it.
struct alignas(64) TileShapes {
  uint8_t palette = 1;
  uint8_t start = 0;
  std::array<uint8_t, 14> reserved{};
  std::array<uint16_t, 16> line_bytes{};
  std::array<uint8_t, 16> lines{};
};
static_assert(sizeof(TileShapes) == 64);

TileShapes shapes_of(int64_t rows) {
  TileShapes shapes;
  const auto upper = static_cast<uint8_t>(std::min(rows, kTileRows));
  const auto lower = static_cast<uint8_t>(std::max(rows - kTileRows, int64_t{0}));
  const std::array<uint8_t, 8> lines{upper, upper, lower, lower, upper, lower, kTileGroups, kTileGroups};
  for (size_t tile = 0; tile < lines.size(); ++tile) {
    shapes.lines[tile] = lines[tile];
    shapes.line_bytes[tile] = lines[tile] == 0 ? 0 : kTileLine;
  }
  return shapes;
}

// The panel that is multiplied next, a part of it asked for beside each step of this one's: tiles are read
// faster than the processor guesses.
class Ahead {
 public:
  Ahead(std::span<const std::byte> panel, int64_t steps)
      : at_(panel.data()),
        end_(at_ + panel.size()),
        bytes_(divide_up(divide_up(static_cast<int64_t>(panel.size()), std::max(steps, int64_t{1})),
                         kLineBytes) *
               kLineBytes) {}

  void step() {
    const int64_t bytes = std::min(bytes_, end_ - at_);
    fetch(at_, bytes);
    at_ += bytes;
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
  int64_t bytes_;
};

// Up to 32 rows by 32 outputs.
struct TileBlock {
  const std::byte* x;  // its first row's numbers
  int64_t row_bytes;
  int64_t rows;
  const std::byte* columns;  // of its first output, in the panel
};

template <typename Type, bool kTwo>
[[gnu::always_inline]] inline void tile_step(const std::byte* x, int64_t row_bytes,
                                             const std::byte* columns) {
  _tile_loadd(6, columns, kStepBytes);
  _tile_loadd(4, x, row_bytes);
  Type::upper_left();
  _tile_loadd(7, columns + kTileLine, kStepBytes);
  Type::upper_right();
  if constexpr (kTwo) {
    _tile_loadd(5, x + kTileRows * row_bytes, row_bytes);
    Type::lower_left();
    Type::lower_right();
  }
}

// Sums over groups [first, end).
template <typename Type, bool kTwo>
void sum_block(const TileBlock& block, int64_t first, int64_t end, Ahead& ahead) {
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kTwo) {
    _tile_zero(2);
    _tile_zero(3);
  }
  int64_t group = first;
  for (; group + kTileGroups <= end; group += kTileGroups) {
    ahead.step();
    tile_step<Type, kTwo>(block.x + group * kGroupBytes, block.row_bytes, block.columns + group * kStepBytes);
  }
  if (group == end) return;
  // What is left, with zeros behind it on both sides.
  alignas(64) std::byte x[kBlockRows * kTileLine] = {};
  alignas(64) std::byte columns[kTileGroups * kStepBytes] = {};
  const auto left = static_cast<size_t>(end - group);
  for (int64_t row = 0; row < block.rows; ++row) {
    std::memcpy(x + row * kTileLine, block.x + row * block.row_bytes + group * kGroupBytes,
                left * kGroupBytes);
  }
  for (size_t line = 0; line < left; ++line) {
    const std::byte* from = block.columns + (group + static_cast<int64_t>(line)) * kStepBytes;
    std::memcpy(columns + line * kStepBytes, from, kBlockColumns * kGroupBytes);
  }
  written(x);
  written(columns);
  tile_step<Type, kTwo>(x, kTileLine, columns);
}

// The sums as [kBlockRows, kBlockColumns], or in place of it to where rows are `stride` bytes apart.
template <bool kTwo>
void store_block(void* to, int64_t stride) {
  auto* at = static_cast<std::byte*>(to);
  _tile_stored(0, at, stride);
  _tile_stored(1, at + kTileLine, stride);
  if constexpr (kTwo) {
    _tile_stored(2, at + kTileRows * stride, stride);
    _tile_stored(3, at + kTileRows * stride + kTileLine, stride);
  }
}

// Of 16 outputs' weights in a span.
struct SpanScales {
  __m512 scale;
  __m512i too_much;  // what rows that are 128 too large add
};
SpanScales span_scales(const MultiplyReducedArgs& args, int64_t output, int64_t span) {
  const int64_t at = span * args.scale_stride + output;
  const __m512i sums = _mm512_loadu_si512(args.sums + at);
  return {_mm512_loadu_ps(args.scales + at), _mm512_slli_epi32(sums, 7)};
}
template <bool kTwo>
void multiply_block(Bfloat16, const MultiplyReducedArgs& args, const TileBlock& block, int64_t row,
                    int64_t output, Ahead& ahead) {
  sum_block<Bfloat16, kTwo>(block, 0, args.groups, ahead);
  float* out = args.out + row * args.out_stride + output;
  const int64_t columns = args.outputs - output;
  if (columns >= kBlockColumns) return store_block<kTwo>(out, args.out_stride * int64_t{sizeof(float)});
  alignas(64) float sums[kBlockRows * kBlockColumns];
  store_block<kTwo>(sums, 2 * kTileLine);
  for (int64_t r = 0; r < block.rows; ++r) {
    std::copy_n(sums + r * kBlockColumns, columns, out + r * args.out_stride);
  }
}

template <bool kTwo>
void multiply_block(Int8, const MultiplyReducedArgs& args, const TileBlock& block, int64_t row,
                    int64_t output, Ahead& ahead) {
  alignas(64) int32_t sums[kBlockRows * kBlockColumns];
  for (int64_t span = 0; span < args.spans; ++span) {
    const int64_t first = span * Int8::kSpanGroups;
    sum_block<Int8, kTwo>(block, first, std::min(first + Int8::kSpanGroups, args.groups), ahead);
    store_block<kTwo>(sums, 2 * kTileLine);
    for (int64_t half = 0; half < kBlockColumns; half += kTileLanes) {
      const int64_t columns = args.outputs - output - half;
      if (columns <= 0) break;
      const SpanScales scales = span_scales(args, output + half, span);
      for (int64_t r = 0; r < block.rows; ++r) {
        const __m512i exact =
            _mm512_sub_epi32(_mm512_load_si512(sums + r * kBlockColumns + half), scales.too_much);
        const __m512 row_scale = _mm512_set1_ps(args.x_scales[(row + r) * args.spans + span]);
        float* out = args.out + (row + r) * args.out_stride + output + half;
        if (span == 0) {
          finish_span<true, false>(exact, scales.scale, row_scale, columns, out);
        } else {
          finish_span<false, false>(exact, scales.scale, row_scale, columns, out);
        }
      }
    }
  }
}

template <typename Type>
void multiply_tiles(const MultiplyReducedArgs& args) {
  const int64_t row_bytes = args.groups * kGroupBytes;
  const int64_t panel_bytes = args.groups * kStepBytes;
  written(args.x);
  int64_t shaped = 0;
  for (int64_t first = 0; first < args.outputs; first += kWidth) {
    const std::byte* panel = args.panels + first / kWidth * panel_bytes;
    const int64_t columns = std::min(kWidth, args.outputs - first);
    const auto next = first + kWidth < args.outputs
                          ? std::span(panel + panel_bytes, static_cast<size_t>(panel_bytes))
                          : args.next;
    Ahead ahead(next, divide_up(args.rows, kBlockRows) * divide_up(columns, kBlockColumns) *
                          divide_up(args.groups, kTileGroups));
    for (int64_t row = 0; row < args.rows; row += kBlockRows) {
      const int64_t rows = std::min(kBlockRows, args.rows - row);
      if (rows != shaped) {
        const TileShapes shapes = shapes_of(rows);
        written(&shapes);
        _tile_loadconfig(&shapes);
        shaped = rows;
      }
      for (int64_t column = 0; column < columns; column += kBlockColumns) {
        const TileBlock block{args.x + row * row_bytes, row_bytes, rows, panel + column * kGroupBytes};
        if (rows > kTileRows) {
          multiply_block<true>(Type{}, args, block, row, first + column, ahead);
        } else {
          multiply_block<false>(Type{}, args, block, row, first + column, ahead);
        }
      }
    }
  }
  _tile_release();
}

}  // namespace

void multiply_tiles_bfloat16(const MultiplyReducedArgs& args) { multiply_tiles<Bfloat16>(args); }
void multiply_tiles_int8(const MultiplyReducedArgs& args) { multiply_tiles<Int8>(args); }

}  // namespace headwise::kernels
