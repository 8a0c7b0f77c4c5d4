// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how a table multiplies numbers that are smaller than fp32: how it wants rows and weights
// laid down, and its product. What makes them of fp32 (Linear::prepare, Linear::pack) is in linear.h.
//
//   int8    rows and weights are turned first (turn_int8), which no product notices, and cut into spans of
//           kInt8Span inputs; out = sum over spans, in their order, of float(sum over i of x[i] w[i])
//           * w_scale * x_scale, x and w whole numbers in [-127, 127]. A span's sum is exact; then it is
//           rounded times w_scale, and with x_scale added by a fused multiply-add (the first span's is a
//           product): so every table has the same bits.
//   bf16    out = sum over pairs of inputs of x w, in one of two orders: docs/method.md#precision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace headwise::kernels {

// Largest number of int8, on both sides.
inline constexpr int kInt8Most = 127;
// Inputs that have a scale in common, of a row and of an output's weights. The last span may be shorter.
inline constexpr int64_t kInt8Span = 192;
// As a table's steps of a span, where numbers have no scales: all of them are one.
inline constexpr int64_t kNoSpans = INT64_MAX / 2;
inline constexpr int64_t int8_spans(int64_t inputs) { return (inputs + kInt8Span - 1) / kInt8Span; }
// Inputs that are turned together. What is left behind the last whole block stays as it is.
inline constexpr int64_t kInt8Turn = 64;
// A span without a larger value is nothing but zeros: the reciprocal of its scale would be no number.
inline constexpr float kInt8Least = 0x1p-100f;

// Inputs stand in groups of PanelLayout::group; what is left of the last one is zero.
struct PrepareRowsArgs {
  const float* x = nullptr;  // [rows, inputs], contiguous
  int64_t rows = 0;
  int64_t inputs = 0;
  std::byte* numbers = nullptr;  // [rows, groups, group] of row_number_bytes
  float* scales = nullptr;       // of int8: [rows, int8_spans(inputs)]
  float* turned = nullptr;       // of int8: memory, [inputs]
};

// A panel is [groups][width][group] numbers; panels stand one behind the other.
struct MultiplyReducedArgs {
  const std::byte* x = nullptr;     // PrepareRowsArgs::numbers
  const float* x_scales = nullptr;  // of int8: [rows, spans]
  int64_t rows = 0;                 // up to kRowTile
  int64_t groups = 0;
  const std::byte* panels = nullptr;
  int64_t spans = 0;              // of int8
  const float* scales = nullptr;  // of int8: [spans, scale_stride], outputs rounded up to panels
  const int32_t* sums = nullptr;  // of int8: likewise, sums of an output's weights in a span
  int64_t scale_stride = 0;
  int64_t outputs = 0;
  float* out = nullptr;  // [rows, out_stride]
  int64_t out_stride = 0;
  std::span<const std::byte> next;  // of another product's panels, fetched meanwhile
};

struct PanelLayout {
  int64_t width = 0;  // outputs of a panel; divides kColumnGrain
  int64_t group = 0;  // inputs that an output's sum takes at once
  int64_t row_number_bytes = 0;

  friend bool operator==(const PanelLayout&, const PanelLayout&) = default;
};

// Products of one type. Without `multiply` the table has none.
struct ReducedProducts {
  PanelLayout layout;
  // False where a value is infinite or NaN; its row is then anything. int8: of each span of the turned row,
  // x / scale rounded to the nearest whole number, ties to even, where scale is the largest magnitude / 127.
  bool (*prepare)(const PrepareRowsArgs& args) = nullptr;
  void (*multiply)(const MultiplyReducedArgs& args) = nullptr;
  bool faster = true;  // than fp32's of the same table
  // Plain loops that have the same bits; null: the definition's.
  const ReducedProducts* definition = nullptr;
};

// Turns each whole block of kInt8Turn inputs by the orthonormal Hadamard matrix H (Sylvester's order): sums
// and differences at distances 1, 2, 4, ... of values times 1/8. H is its own inverse, so (H x).(H w) = x.w;
// an input that stands out is spread over its block, and a scale is not spent on it (QuaRot, arXiv
// 2404.00456, turns whole rows; a block is enough here). out [inputs], not x.
void turn_int8(const float* x, int64_t inputs, float* out);
// A span in int8: numbers and the scale that they are multiplied by. False, and zeros with a scale that is
// no number, where a value is infinite or NaN.
bool quantize_int8(const float* x, int64_t count, int8_t* out, float& scale);
// The nearest, ties to even; NaN stays one. What is smaller than the smallest normal number becomes zero
// when it is multiplied.
uint16_t to_bfloat16(float x);

}  // namespace headwise::kernels
