// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of a few rows with row-major weights: dot products over `Vec`, blocks of them held in registers.
// No packing, so that a short prompt reads stored weights once; and low-rank changes of weights. Include a
// vec_*.h and elementwise-inl.h first.
//
// Bound: FMA throughput where the weights are in the first two caches: R + O loads for R * O FMAs.
#pragma once

#include <algorithm>

namespace headwise::kernels {
namespace {

// out[r][o] = sum over i of x[r][i] * weights[o][i]. Every sum runs over vectors in order and is then summed
// across: the same bits for any R and O.
template <int64_t R, int64_t O>
inline void dot_block(const MultiplyRowsArgs& args, int64_t row, int64_t output) {
  const int64_t inputs = args.inputs;
  const float* x = args.x + row * args.x_stride;
  const float* weights = args.weights + output * inputs;
  Vec sums[R][O];
  for (int64_t r = 0; r < R; ++r) {
    for (int64_t o = 0; o < O; ++o) sums[r][o] = Vec::zero();
  }
  const auto step = [&](int64_t i, const auto& load) {
    Vec w[O];
    for (int64_t o = 0; o < O; ++o) w[o] = load(weights + o * inputs + i);
    for (int64_t r = 0; r < R; ++r) {
      const Vec value = load(x + r * args.x_stride + i);
      for (int64_t o = 0; o < O; ++o) sums[r][o] = Vec::fma(value, w[o], sums[r][o]);
    }
  };
  int64_t i = 0;
  for (; i + Vec::kLanes <= inputs; i += Vec::kLanes) step(i, [](const float* p) { return Vec::load(p); });
  if (i < inputs) step(i, [&](const float* p) { return Vec::load_first(p, inputs - i); });
  for (int64_t r = 0; r < R; ++r) {
    for (int64_t o = 0; o < O; ++o) args.out[(row + r) * args.out_stride + output + o] = sums[r][o].sum();
  }
}

// O outputs of every row. Rows go in pieces of nearly equal size: 9 are 3 + 3 + 3, not 4 + 4 + 1.
template <int64_t O>
inline void dot_outputs(const MultiplyRowsArgs& args, int64_t output) {
  constexpr int64_t kMost = 4;
  const int64_t pieces = (args.rows + kMost - 1) / kMost;
  for (int64_t piece = 0, row = 0; piece < pieces; ++piece) {
    const int64_t rows = (args.rows - row + pieces - piece - 1) / (pieces - piece);
    switch (rows) {
      case 4:
        dot_block<4, O>(args, row, output);
        break;
      case 3:
        dot_block<3, O>(args, row, output);
        break;
      case 2:
        dot_block<2, O>(args, row, output);
        break;
      default:
        dot_block<1, O>(args, row, output);
    }
    row += rows;
  }
}

void multiply_rows(const MultiplyRowsArgs& args) {
  // Outputs outermost: their weights stay in the first cache while the rows pass.
  int64_t output = 0;
  for (; output + Vec::kDotOutputs <= args.outputs; output += Vec::kDotOutputs) {
    dot_outputs<Vec::kDotOutputs>(args, output);
  }
  for (; output < args.outputs; ++output) dot_outputs<1>(args, output);
}

// V vectors of inputs of one output. Multiplied and added apart, as the definition does, not in one FMA.
template <int64_t V>
inline void add_low_rank_block(const float* factors, const float* a, int64_t rank, int64_t stride,
                               float scale, float* out) {
  Vec sums[V];
  for (int64_t v = 0; v < V; ++v) sums[v] = Vec::zero();
  for (int64_t r = 0; r < rank; ++r) {
    const Vec factor = Vec::set(factors[r]);
    for (int64_t v = 0; v < V; ++v) sums[v] = sums[v] + factor * Vec::load(a + r * stride + v * Vec::kLanes);
  }
  for (int64_t v = 0; v < V; ++v) {
    float* to = out + v * Vec::kLanes;
    (Vec::load(to) + Vec::set(scale) * sums[v]).store(to);
  }
}

void add_low_rank(const LowRank& change, int64_t first, int64_t rows, int64_t inputs, float* out) {
  constexpr int64_t kVectors = 4;
  constexpr int64_t kStep = kVectors * Vec::kLanes;
  for (int64_t row = 0; row < rows; ++row) {
    const float* factors = change.b + (first + row) * change.rank;
    float* to = out + row * inputs;
    int64_t i = 0;
    for (; i + kStep <= inputs; i += kStep) {
      add_low_rank_block<kVectors>(factors, change.a + i, change.rank, inputs, change.scale, to + i);
    }
    for (; i + Vec::kLanes <= inputs; i += Vec::kLanes) {
      add_low_rank_block<1>(factors, change.a + i, change.rank, inputs, change.scale, to + i);
    }
    for (; i < inputs; ++i) {
      float sum = 0.0f;
      for (int64_t r = 0; r < change.rank; ++r) sum += factors[r] * change.a[r * inputs + i];
      to[i] += change.scale * sum;
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
