// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Norm, rotary, gate: written once over `Vec`, compiled once per instruction set. Include a vec_*.h first,
// inside no namespace; everything here has internal linkage so that two instruction sets never share a
// symbol.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

namespace headwise::kernels {
namespace {

// body(0), ..., body(N - 1) without a loop: what stands in registers is left there. (GCC 12 takes an array of
// vectors that loops fill and empty through memory.)
template <int64_t N, typename Body>
[[gnu::always_inline]] inline void unrolled(const Body& body) {
  [&]<int64_t... I>(std::integer_sequence<int64_t, I...>) {
    (body(std::integral_constant<int64_t, I>{}), ...);
  }
  (std::make_integer_sequence<int64_t, N>{});
}

// x = exp(x), of N vectors side by side: each step waits for the one before it, and the others fill the wait.
// To about 2 units in the last place for x <= 88; exactly 1 at 0, exactly 0 below -87 and for -infinity. Cody
// and Waite reduction by ln 2 in two parts, then the Taylor polynomial of degree 7 on [-ln2/2, ln2/2]
// (remainder 2e-9).
template <int64_t N>
[[gnu::always_inline]] inline void exponentials(Vec (&x)[N]) {
  const Vec lowest = Vec::set(-87.0f);
  Vec n[N], r[N], p[N];
  unrolled<N>([&](auto i) { r[i] = Vec::max(x[i], lowest); });
  unrolled<N>([&](auto i) { n[i] = Vec::round(r[i] * Vec::set(1.44269504088896341f)); });
  unrolled<N>([&](auto i) { r[i] = Vec::fma(n[i], Vec::set(-0.693359375f), r[i]); });
  unrolled<N>([&](auto i) { r[i] = Vec::fma(n[i], Vec::set(2.12194440e-4f), r[i]); });
  unrolled<N>([&](auto i) { p[i] = Vec::fma(Vec::set(1.0f / 5040.0f), r[i], Vec::set(1.0f / 720.0f)); });
  for (const float coefficient : {1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f}) {
    unrolled<N>([&](auto i) { p[i] = Vec::fma(p[i], r[i], Vec::set(coefficient)); });
  }
  unrolled<N>(
      [&](auto i) { x[i] = Vec::keep_where_at_least(Vec::scale_by_power(p[i], n[i]), x[i], lowest); });
}

inline Vec exponential(Vec x) {
  Vec one[1] = {x};
  exponentials(one);
  return one[0];
}

// Calls body(offset, lanes) over [0, count): whole vectors, then the rest with fewer lanes.
template <typename Body>
inline void for_each_vector(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + Vec::kLanes <= count; i += Vec::kLanes) body(i, Vec::kLanes);
  if (i < count) body(i, count - i);
}

void rms_norm(const float* x, const float* weight, int64_t width, float epsilon, float* out) {
  // Four sums in flight: one chain of additions would wait for itself.
  Vec sums[4] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
  const int64_t whole = width / (4 * Vec::kLanes) * (4 * Vec::kLanes);
  for (int64_t i = 0; i < whole; i += 4 * Vec::kLanes) {
    unrolled<4>([&](auto v) {
      const Vec value = Vec::load(x + i + v * Vec::kLanes);
      sums[v] = Vec::fma(value, value, sums[v]);
    });
  }
  for_each_vector(width - whole, [&](int64_t i, int64_t lanes) {
    const Vec value = Vec::load_first(x + whole + i, lanes);
    Vec& sum = sums[i / Vec::kLanes];
    sum = Vec::fma(value, value, sum);
  });
  const double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum();
  const Vec scale = Vec::set(
      static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(width) + static_cast<double>(epsilon))));
  for_each_vector(width, [&](int64_t i, int64_t lanes) {
    (Vec::load_first(x + i, lanes) * scale * Vec::load_first(weight + i, lanes)).store_first(out + i, lanes);
  });
}

void rotate(float* x, const float* cos, const float* sin, int64_t width, float scale) {
  const int64_t half = width / 2;
  const Vec s = Vec::set(scale);
  for_each_vector(half, [&](int64_t i, int64_t lanes) {
    const Vec first = Vec::load_first(x + i, lanes);
    const Vec second = Vec::load_first(x + half + i, lanes);
    const Vec c = Vec::load_first(cos + i, lanes);
    const Vec t = Vec::load_first(sin + i, lanes);
    ((first * c - second * t) * s).store_first(x + i, lanes);
    ((second * c + first * t) * s).store_first(x + half + i, lanes);
  });
}

void silu_multiply(float* gate, const float* up, int64_t count) {
  const Vec one = Vec::set(1.0f);
  // exp(-g) beyond 2^126 would leave the exponent's range; the quotient is below 1e-36 there anyway.
  const Vec highest = Vec::set(-87.0f);
  for_each_vector(count, [&](int64_t i, int64_t lanes) {
    const Vec g = Vec::load_first(gate + i, lanes);
    const Vec e = exponential(Vec::zero() - Vec::max(g, highest));
    (g / (one + e) * Vec::load_first(up + i, lanes)).store_first(gate + i, lanes);
  });
}

// (1 + tanh(u)) / 2 is 1 / (1 + exp(-2u)).
void gelu_multiply(float* gate, const float* up, int64_t count) {
  const Vec one = Vec::set(1.0f);
  const Vec highest = Vec::set(-87.0f);  // as above
  const Vec slope = Vec::set(2.0f * 0.7978845608028654f);
  const Vec cubic = Vec::set(0.044715f);
  for_each_vector(count, [&](int64_t i, int64_t lanes) {
    const Vec g = Vec::load_first(gate + i, lanes);
    const Vec inner = slope * Vec::fma(cubic * g * g, g, g);
    const Vec e = exponential(Vec::zero() - Vec::max(inner, highest));
    (g / (one + e) * Vec::load_first(up + i, lanes)).store_first(gate + i, lanes);
  });
}

// x = cap * tanh(x / cap), tanh(y) as 1 - 2 / (exp(2y) + 1): good to some 1e-7 of the cap. count is a
// multiple of the lanes.
inline void cap_softly(float* x, int64_t count, float cap) {
  const Vec one = Vec::set(1.0f);
  const Vec double_inverse = Vec::set(2.0f / cap);
  const Vec lowest = Vec::set(-80.0f);  // and by symmetry the highest: tanh is 1 there
  const Vec c = Vec::set(cap);
  const Vec twice_cap = Vec::set(2.0f * cap);
  for (int64_t i = 0; i < count; i += Vec::kLanes) {
    const Vec negated = Vec::max(Vec::zero() - Vec::load(x + i) * double_inverse, lowest);
    (c - twice_cap / (exponential(Vec::zero() - negated) + one)).store(x + i);
  }
}

void add(float* x, const float* y, int64_t count) {
  for_each_vector(count, [&](int64_t i, int64_t lanes) {
    (Vec::load_first(x + i, lanes) + Vec::load_first(y + i, lanes)).store_first(x + i, lanes);
  });
}

// Multiplied and added apart, as the definition does, not in one FMA.
void add_scaled(float* x, const float* y, float scale, int64_t count) {
  const Vec s = Vec::set(scale);
  for_each_vector(count, [&](int64_t i, int64_t lanes) {
    (Vec::load_first(x + i, lanes) + s * Vec::load_first(y + i, lanes)).store_first(x + i, lanes);
  });
}

}  // namespace
}  // namespace headwise::kernels
