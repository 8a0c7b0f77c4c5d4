// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Sixteen floats. Only files compiled with -mavx512f may include this.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace headwise::kernels {
// One name for each instruction set: no file may have another's code.
namespace {

struct Vec {
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kColumnVectors =
      4;  // accumulators a row of the block product keeps: 6 x 4 of 32 registers
  static constexpr int64_t kDotOutputs = 6;  // of a block of dot products, which has up to 4 rows
  __m512 v;

  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec set(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  // The first n lanes; the others hold zero.
  static Vec load_first(const float* p, int64_t n) { return {_mm512_maskz_loadu_ps(mask(n), p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_first(float* p, int64_t n) const { _mm512_mask_storeu_ps(p, mask(n), v); }

  friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  // a * b + c, rounded once.
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec round(Vec a) {
    return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  // a * 2^n for whole n.
  static Vec scale_by_power(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  // `a` where x >= limit, zero elsewhere (NaN too).
  static Vec keep_where_at_least(Vec a, Vec x, Vec limit) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, limit.v, _CMP_GE_OQ), a.v)};
  }
  // The first n lanes of a, `other` in the rest.
  static Vec first_or(Vec a, int64_t n, Vec other) { return {_mm512_mask_mov_ps(other.v, mask(n), a.v)}; }
  // Sums and maxima in one fixed order.
  float sum() const { return _mm512_reduce_add_ps(v); }
  float maximum() const { return _mm512_reduce_max_ps(v); }

 private:
  static __mmask16 mask(int64_t n) {
    return n >= kLanes ? static_cast<__mmask16>(0xFFFF)
                       : (n <= 0 ? static_cast<__mmask16>(0) : static_cast<__mmask16>((1u << n) - 1u));
  }
};

}  // namespace
}  // namespace headwise::kernels
