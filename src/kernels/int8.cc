// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The definition of products of int8, in plain loops; and how weights become int8, for all tables.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/reduced.h"
#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

constexpr int64_t kWidth = 16;

bool prepare(const PrepareRowsArgs& args) {
  auto* to = reinterpret_cast<int8_t*>(args.numbers);
  float* scale = args.scales;
  bool finite = true;
  for (int64_t row = 0; row < args.rows; ++row, to += args.inputs) {
    turn_int8(args.x + row * args.inputs, args.inputs, args.turned);
    for (int64_t i = 0; i < args.inputs; i += kInt8Span) {
      const int64_t count = std::min(kInt8Span, args.inputs - i);
      finite = quantize_int8(args.turned + i, count, to + i, *scale++) && finite;
    }
  }
  return finite;
}

void multiply(const MultiplyReducedArgs& args) {
  const int64_t inputs = args.groups;
  for (int64_t row = 0; row < args.rows; ++row) {
    const auto* x = reinterpret_cast<const int8_t*>(args.x) + row * inputs;
    for (int64_t output = 0; output < args.outputs; ++output) {
      const int64_t in_panel = output % kWidth;
      const auto* panel = reinterpret_cast<const int8_t*>(args.panels) + (output - in_panel) * inputs;
      float value = 0.0f;
      for (int64_t span = 0; span < args.spans; ++span) {
        int32_t sum = 0;
        const int64_t end = std::min((span + 1) * kInt8Span, inputs);
        for (int64_t i = span * kInt8Span; i < end; ++i) sum += x[i] * panel[i * kWidth + in_panel];
        const float scaled = static_cast<float>(sum) * args.scales[span * args.scale_stride + output];
        const float x_scale = args.x_scales[row * args.spans + span];
        value = span == 0 ? scaled * x_scale : std::fma(scaled, x_scale, value);
      }
      args.out[row * args.out_stride + output] = value;
    }
  }
}

}  // namespace

void turn_int8(const float* x, int64_t inputs, float* out) {
  const int64_t turned = inputs / kInt8Turn * kInt8Turn;
  for (int64_t i = 0; i < inputs; ++i) out[i] = i < turned ? x[i] * 0.125f : x[i];
  for (float* block = out; block < out + turned; block += kInt8Turn) {
    for (int64_t distance = 1; distance < kInt8Turn; distance *= 2) {
      for (int64_t i = 0; i < kInt8Turn; ++i) {
        if ((i & distance) != 0) continue;
        const float lower = block[i];
        const float upper = block[i + distance];
        block[i] = lower + upper;
        block[i + distance] = lower - upper;
      }
    }
  }
}

bool quantize_int8(const float* x, int64_t count, int8_t* out, float& scale) {
  constexpr auto kMost = static_cast<float>(kInt8Most);
  // Magnitudes stand in the order of their bits; NaN above all.
  int32_t bits = 0;
  for (int64_t i = 0; i < count; ++i) bits = std::max(bits, std::bit_cast<int32_t>(x[i]) & INT32_MAX);
  const auto most = std::bit_cast<float>(bits);
  const bool finite = std::isfinite(most);
  if (!finite || most < kInt8Least) {
    scale = finite ? 0.0f : NAN;
    std::fill_n(out, count, int8_t{0});
    return finite;
  }
  scale = most / kMost;
  const float factor = kMost / most;
  // Where a unit is the distance to the next number, a sum rounds to the nearest whole one, ties to even.
  constexpr float kUnits = 0x1.8p23f;
  for (int64_t i = 0; i < count; ++i) {
    const float whole = (x[i] * factor + kUnits) - kUnits;
    out[i] = static_cast<int8_t>(static_cast<int32_t>(whole));
  }
  return true;
}

constinit const ReducedProducts kScalarInt8{
    .layout = {kWidth, 1, sizeof(int8_t)}, .prepare = prepare, .multiply = multiply, .faster = false};

}  // namespace headwise::kernels
