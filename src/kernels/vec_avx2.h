// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Eight floats. Only files compiled with -mavx2 -mfma may include this.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace headwise::kernels {
// One name for each instruction set: no file may have another's code.
namespace {

struct Vec {
  static constexpr int64_t kLanes = 8;
  static constexpr int64_t kColumnVectors =
      2;  // accumulators a row of the block product keeps: 6 x 2 of 16 registers
  static constexpr int64_t kDotOutputs = 3;  // of a block of dot products, which has up to 4 rows
  __m256 v;

  static Vec zero() { return {_mm256_setzero_ps()}; }
  static Vec set(float x) { return {_mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  // The first n lanes; the others hold zero.
  static Vec load_first(const float* p, int64_t n) { return {_mm256_maskload_ps(p, mask(n))}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store_first(float* p, int64_t n) const { _mm256_maskstore_ps(p, mask(n), v); }

  friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
  friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
  friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
  friend Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
  // a * b + c, rounded once.
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec round(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
  // a * 2^n for whole n in [-126, 127].
  static Vec scale_by_power(Vec a, Vec n) {
    const __m256i exponent =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127)), 23);
    return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(exponent))};
  }
  // `a` where x >= limit, zero elsewhere (NaN too).
  static Vec keep_where_at_least(Vec a, Vec x, Vec limit) {
    return {_mm256_and_ps(_mm256_cmp_ps(x.v, limit.v, _CMP_GE_OQ), a.v)};
  }
  // The first n lanes of a, `other` in the rest.
  static Vec first_or(Vec a, int64_t n, Vec other) {
    return {_mm256_blendv_ps(other.v, a.v, _mm256_castsi256_ps(mask(n)))};
  }
  // Sums and maxima in one fixed order.
  float sum() const {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }
  float maximum() const {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
  }

 private:
  static __m256i mask(int64_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const int count = n >= kLanes ? 8 : (n <= 0 ? 0 : static_cast<int>(n));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
  }
};

}  // namespace
}  // namespace headwise::kernels
