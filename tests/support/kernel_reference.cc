// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "support/kernel_reference.h"

#include <algorithm>
#include <cmath>

#include "kernels/reduced.h"

namespace headwise::kernels {
namespace {

double unit() { return tolerance("cpu", "fp32").unit; }
// A result below the normal numbers loses bits: what one rounding there can take away.
constexpr double kTiny = 0x1p-126;

}  // namespace

// n products and n additions of squares: at most n roundings of positive terms, halved by the root; then
// root, division, conversion and two products.
std::vector<Bounded> expected_rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
                                       RoundingBound rounding) {
  const auto n = static_cast<int64_t>(x.size());
  double sum = 0.0;
  for (const float value : x) sum += static_cast<double>(value) * value;
  const double scale = 1.0 / std::sqrt(sum / static_cast<double>(n) + static_cast<double>(epsilon));
  const double relative = rounding(n + 1, unit()) / 2 + rounding(5, unit());
  std::vector<Bounded> expected(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    expected[i].value = x[i] * scale * weight[i];
    expected[i].bound = std::abs(expected[i].value) * relative + kTiny * (1.0 + std::abs(weight[i]));
  }
  return expected;
}

// Two products, a sum, a product.
std::vector<Bounded> expected_rotate(std::span<const float> x, std::span<const float> cos,
                                     std::span<const float> sin, float scale) {
  const size_t half = x.size() / 2;
  const double relative = rounding_bound(3, unit());
  std::vector<Bounded> expected(x.size());
  for (size_t i = 0; i < half; ++i) {
    const double first = x[i], second = x[i + half], c = cos[i], s = sin[i], by = scale;
    expected[i].value = (first * c - second * s) * by;
    expected[i].bound = (std::abs(first * c) + std::abs(second * s)) * std::abs(by) * relative + 4 * kTiny;
    expected[i + half].value = (second * c + first * s) * by;
    expected[i + half].bound =
        (std::abs(second * c) + std::abs(first * s)) * std::abs(by) * relative + 4 * kTiny;
  }
  return expected;
}

// Exponential, sum, division, product. Below -87 the vector tables hold the exponential: the quotient is
// under |g| e^-87 there.
std::vector<Bounded> expected_silu_multiply(std::span<const float> gate, std::span<const float> up) {
  const double relative = rounding_bound(kExponentialRoundings + 3, unit());
  std::vector<Bounded> expected(gate.size());
  for (size_t i = 0; i < gate.size(); ++i) {
    const double g = gate[i];
    expected[i].value = g / (1.0 + std::exp(-g)) * up[i];
    expected[i].bound = std::abs(expected[i].value) * relative +
                        (std::abs(g) * std::exp(-87.0) + kTiny) * (1.0 + std::abs(up[i]));
  }
  return expected;
}

// The argument of the exponential is itself rounded some six times, so the exponential is off by its size.
// 1 + tanh cancels where the argument is far below zero: there the definition is off by a unit of |g|.
std::vector<Bounded> expected_gelu_multiply(std::span<const float> gate, std::span<const float> up) {
  std::vector<Bounded> expected(gate.size());
  for (size_t i = 0; i < gate.size(); ++i) {
    const double g = gate[i];
    const double inner = std::sqrt(2.0 / std::acos(-1.0)) * (g + 0.044715 * g * g * g);
    expected[i].value = 0.5 * g * (1.0 + std::tanh(inner)) * up[i];
    const double relative =
        rounding_bound(kExponentialRoundings + 3, unit()) +
        std::min(std::abs(inner), 90.0) * 2.0 * rounding_bound(6, unit()) / (1.0 + std::exp(2.0 * inner));
    expected[i].bound = std::abs(expected[i].value) * relative +
                        std::abs(g * up[i]) * (std::exp(-87.0) + 4.0 * unit()) + kTiny;
  }
  return expected;
}

// As many roundings as inputs, and one where a sum across lanes begins with zero.
std::vector<Bounded> expected_multiply_rows(const MultiplyRowsArgs& args, RoundingBound rounding) {
  const double relative = rounding(args.inputs + 1, unit());
  std::vector<Bounded> expected;
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t output = 0; output < args.outputs; ++output) {
      Bounded sum;
      double magnitude = 0.0;
      for (int64_t i = 0; i < args.inputs; ++i) {
        const double term =
            static_cast<double>(args.x[row * args.x_stride + i]) * args.weights[output * args.inputs + i];
        sum.value += term;
        magnitude += std::abs(term);
      }
      sum.bound = magnitude * relative + static_cast<double>(args.inputs) * kTiny;
      expected.push_back(sum);
    }
  }
  return expected;
}

KernelTable definition_of(const KernelTable& table) {
  KernelTable definition = *available_kernels().front();
  if (table.bf16 != nullptr && table.bf16->definition != nullptr) definition.bf16 = table.bf16->definition;
  return definition;
}

int64_t first_too_far(std::span<const float> found, std::span<const Bounded> expected) {
  for (size_t i = 0; i < expected.size(); ++i) {
    // Written so that a NaN is too far.
    if (!(std::abs(static_cast<double>(found[i]) - expected[i].value) <= expected[i].bound)) {
      return static_cast<int64_t>(i);
    }
  }
  return -1;
}

}  // namespace headwise::kernels
