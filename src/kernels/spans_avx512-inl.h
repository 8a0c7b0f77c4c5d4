// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What products of small numbers share with AVX-512: masks of lanes, and the end of an int8 span. Only files
// compiled with -mavx512f may include this.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace headwise::kernels {
namespace {

// n > 0
inline __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>(n >= 16 ? 0xFFFFu : (1u << n) - 1u); }

// A span's exact sums of one row and 16 outputs, into `out`, which has the spans before if it is not the
// first: rounded times the weights' scale, and with the row's by a fused multiply-add (reduced.h). kWhole:
// all lanes are there.
template <bool kFirst, bool kWhole>
[[gnu::always_inline]] inline void finish_span(__m512i sums, __m512 scale, __m512 row_scale, int64_t lanes,
                                               float* out) {
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
  const __mmask16 there = kWhole ? __mmask16{0xFFFF} : first_lanes(lanes);
  const __m512 value =
      kFirst ? _mm512_mul_ps(scaled, row_scale)
             : _mm512_fmadd_ps(scaled, row_scale,
                               kWhole ? _mm512_loadu_ps(out) : _mm512_maskz_loadu_ps(there, out));
  kWhole ? _mm512_storeu_ps(out, value) : _mm512_mask_storeu_ps(out, there, value);
}

}  // namespace
}  // namespace headwise::kernels
