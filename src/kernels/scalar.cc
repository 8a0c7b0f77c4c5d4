// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The definition of every operation, in plain loops: read this to know what the vector versions compute.
#include <algorithm>
#include <cmath>

#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

void rms_norm(const float* x, const float* weight, int64_t width, float epsilon, float* out) {
  double sum = 0.0;
  for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(x[i]) * x[i];
  const auto scale = static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(width) + epsilon));
  for (int64_t i = 0; i < width; ++i) out[i] = x[i] * scale * weight[i];
}

void rotate(float* x, const float* cos, const float* sin, int64_t width, float scale) {
  const int64_t half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float first = x[i];
    const float second = x[i + half];
    x[i] = (first * cos[i] - second * sin[i]) * scale;
    x[i + half] = (second * cos[i] + first * sin[i]) * scale;
  }
}

void silu_multiply(float* gate, const float* up, int64_t count) {
  for (int64_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void add(float* x, const float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] += y[i];
}

float logit(const float* query, const float* keys, int64_t key, int64_t head_width) {
  const float* column = keys + key / kKeyTile * kKeyTile * head_width + key % kKeyTile;
  float sum = 0.0f;
  for (int64_t d = 0; d < head_width; ++d) sum += query[d] * column[d * kKeyTile];
  return sum;
}

// Calls visit(key) for every key that row `row` of the call sees, in storage order of the ranges.
template <typename Visit>
void for_each_visible(const Visibility& visible, int64_t row, const Visit& visit) {
  for (int64_t c = 0; c < visible.contexts; ++c) {
    for (int64_t key = visible.context[c].begin; key < visible.context[c].end; ++key) visit(key);
  }
  for (int64_t own = 0; own <= visible.first_row + row; ++own) visit(visible.own_begin + own);
}

// Largest logit and the sum of exp(logit - largest) of one row.
struct SoftmaxTerms {
  float largest = -INFINITY;
  double sum = 0.0;
};

SoftmaxTerms softmax_terms(const float* query, const float* keys, int64_t head_width,
                           const Visibility& visible, int64_t row) {
  SoftmaxTerms terms;
  for_each_visible(visible, row, [&](int64_t key) {
    terms.largest = std::max(terms.largest, logit(query, keys, key, head_width));
  });
  for_each_visible(visible, row, [&](int64_t key) {
    terms.sum += std::exp(logit(query, keys, key, head_width) - terms.largest);
  });
  return terms;
}

void attend(const AttendArgs& args) {
  const int64_t stride = padded_width(args.head_width);
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* query = args.queries + row * args.query_stride;
    float* out = args.out + row * args.out_stride;
    const SoftmaxTerms terms = softmax_terms(query, args.keys, args.head_width, args.visible, row);
    std::fill(out, out + args.head_width, 0.0f);
    for_each_visible(args.visible, row, [&](int64_t key) {
      const auto probability = static_cast<float>(
          std::exp(logit(query, args.keys, key, args.head_width) - terms.largest) / terms.sum);
      for (int64_t d = 0; d < args.head_width; ++d) out[d] += probability * args.values[key * stride + d];
    });
  }
}

void read(const ReadArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    const float* query = args.queries + row * args.query_stride;
    const SoftmaxTerms terms = softmax_terms(query, args.keys, args.head_width, args.visible, row);
    for_each_visible(args.visible, row, [&](int64_t key) {
      args.attention_sum[key] += static_cast<float>(
          std::exp(logit(query, args.keys, key, args.head_width) - terms.largest) / terms.sum);
    });
  }
}

void multiply_rows(const MultiplyRowsArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t output = 0; output < args.outputs; ++output) {
      const float* weights = args.weights + output * args.inputs;
      float sum = 0.0f;
      for (int64_t i = 0; i < args.inputs; ++i) sum += args.x[row * args.x_stride + i] * weights[i];
      args.out[row * args.out_stride + output] = sum;
    }
  }
}

}  // namespace

const KernelTable kScalarKernels{"scalar", rms_norm, rotate,        silu_multiply,   add,
                                 attend,   read,     multiply_rows, dequantize_plain};

}  // namespace headwise::kernels
