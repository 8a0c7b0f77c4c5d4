// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The definition of products of bf16, in plain loops: fused multiply-adds, rounded to nearest, ties to even;
// numbers below the smallest normal one are zero before and after. In the order of vdpbf16ps (Intel's manual,
// and measured on Zen 4): of a pair of inputs the second product is added first. And in that of tdpbf16ps
// (the manual, and measured on Sapphire Rapids): of 16 pairs the first products and the second ones make sums
// of their own, which are added to each other and then to what is there.
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
constexpr int64_t kTileGroups = 16;

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

// out = sum(x, weights, groups): a row, and an output's weights in a panel.
template <typename Sum>
void multiply_by(const MultiplyReducedArgs& args, const Sum& sum) {
  const int64_t inputs = args.groups * kGroup;
  for (int64_t row = 0; row < args.rows; ++row) {
    const auto* x = reinterpret_cast<const uint16_t*>(args.x) + row * inputs;
    for (int64_t output = 0; output < args.outputs; ++output) {
      const int64_t in_panel = output % kWidth;
      const auto* panel = reinterpret_cast<const uint16_t*>(args.panels) + (output - in_panel) * inputs;
      args.out[row * args.out_stride + output] = sum(x, panel + in_panel * kGroup, args.groups);
    }
  }
}

// `sum` with the product of input i of a group.
float added(float sum, const uint16_t* x, const uint16_t* weights, int64_t group, int64_t i) {
  const float weight = from_bfloat16(weights[group * kWidth * kGroup + i]);
  return flushed(std::fma(from_bfloat16(x[group * kGroup + i]), weight, sum));
}

void multiply(const MultiplyReducedArgs& args) {
  multiply_by(args, [](const uint16_t* x, const uint16_t* weights, int64_t groups) {
    float sum = 0.0f;
    for (int64_t g = 0; g < groups; ++g) {
      sum = added(added(sum, x, weights, g, 1), x, weights, g, 0);
    }
    return sum;
  });
}

void multiply_tiles(const MultiplyReducedArgs& args) {
  multiply_by(args, [](const uint16_t* x, const uint16_t* weights, int64_t groups) {
    float sum = 0.0f;
    for (int64_t first = 0; first < groups; first += kTileGroups) {
      float ones = 0.0f, others = 0.0f;
      for (int64_t g = first; g < std::min(first + kTileGroups, groups); ++g) {
        ones = added(ones, x, weights, g, 0);
        others = added(others, x, weights, g, 1);
      }
      sum = flushed(sum + flushed(ones + others));
    }
    return sum;
  });
}

}  // namespace

uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  constexpr uint32_t kInfinity = 0x7F800000u;
  if ((bits & 0x7FFFFFFFu) > kInfinity) return static_cast<uint16_t>(bits >> 16 | 0x40u);  // quiet
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16);
}

constinit const ReducedProducts kScalarBfloat16{
    .layout = {kWidth, kGroup, sizeof(uint16_t)}, .prepare = prepare, .multiply = multiply, .faster = false};
constinit const ReducedProducts kScalarTilesBfloat16{.layout = {kWidth, kGroup, sizeof(uint16_t)},
                                                     .prepare = prepare,
                                                     .multiply = multiply_tiles,
                                                     .faster = false};

}  // namespace headwise::kernels
