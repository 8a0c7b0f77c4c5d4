// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The definition of products of bf16, in plain loops: what vdpbf16ps computes (Intel's manual, and measured
// on Zen 4): of a pair of inputs the second product is added first, each by a fused multiply-add, rounded to
// nearest, ties to even; numbers below the smallest normal one are zero before and after.
#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>

#include "kernels/reduced.h"
#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

constexpr int64_t kWidth = 16;
constexpr int64_t kGroup = 2;

float flushed(float x) { return std::abs(x) < FLT_MIN ? std::copysign(0.0f, x) : x; }
float from_bfloat16(uint16_t x) { return flushed(std::bit_cast<float>(static_cast<uint32_t>(x) << 16)); }

bool prepare(const PrepareRowsArgs& args) {
  const int64_t padded = (args.inputs + kGroup - 1) / kGroup * kGroup;
  auto* to = reinterpret_cast<uint16_t*>(args.numbers);
  for (int64_t row = 0; row < args.rows; ++row, to += padded) {
    for (int64_t i = 0; i < args.inputs; ++i) to[i] = to_bfloat16(args.x[row * args.inputs + i]);
    if (padded > args.inputs) to[args.inputs] = 0;
  }
  return true;
}

void multiply(const MultiplyReducedArgs& args) {
  const int64_t inputs = args.groups * kGroup;
  for (int64_t row = 0; row < args.rows; ++row) {
    const auto* x = reinterpret_cast<const uint16_t*>(args.x) + row * inputs;
    for (int64_t output = 0; output < args.outputs; ++output) {
      const int64_t in_panel = output % kWidth;
      const auto* panel = reinterpret_cast<const uint16_t*>(args.panels) + (output - in_panel) * inputs;
      float sum = 0.0f;
      for (int64_t g = 0; g < args.groups; ++g) {
        const uint16_t* weights = panel + (g * kWidth + in_panel) * kGroup;
        for (const int64_t i : {1, 0}) {
          sum = flushed(std::fma(from_bfloat16(x[g * kGroup + i]), from_bfloat16(weights[i]), sum));
        }
      }
      args.out[row * args.out_stride + output] = sum;
    }
  }
}

}  // namespace

uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  constexpr uint32_t kInfinity = 0x7F800000u;
  if ((bits & 0x7FFFFFFFu) > kInfinity) return static_cast<uint16_t>(bits >> 16 | 0x40u);  // quiet
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

constinit const ReducedProducts kScalarBfloat16{
    .layout = {kWidth, kGroup, sizeof(uint16_t)}, .prepare = prepare, .multiply = multiply};

}  // namespace headwise::kernels
