// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of bf16 for avx512_bf16. CMake gives this one file the compiler flags.
#include <immintrin.h>

#include <cstring>

#include "kernels/reduced.h"
#include "kernels/spans_avx512-inl.h"
#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

struct Mac {
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kColumnVectors = 4;  // 6 x 4 sums of 32 registers
  static constexpr int64_t kGroup = 2;
  static constexpr int64_t kSpanGroups = kNoSpans;
  using Number = uint16_t;
  using Weight = uint16_t;
  using Sum = __m512;
  using Columns = __m512i;
  struct Scale {};

  static Sum begin(const MultiplyReducedArgs&, int64_t, int64_t) { return _mm512_setzero_ps(); }
  static Columns columns(const std::byte* p) { return _mm512_loadu_si512(p); }
  static Columns factor(const Number* x) {
    int32_t two;
    std::memcpy(&two, x, sizeof(two));
    return _mm512_set1_epi32(two);
  }
  static Sum add(Sum sum, Columns factor, Columns columns) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(factor), reinterpret_cast<__m512bh>(columns));
  }
  static Scale scale(const MultiplyReducedArgs&, int64_t, int64_t) { return {}; }
  static Scale row_scale(const MultiplyReducedArgs&, int64_t, int64_t) { return {}; }
  template <bool kFirst, bool kWhole>
  [[gnu::always_inline]] static void finish(Sum sum, Scale, Scale, int64_t lanes, float* out) {
    kWhole ? _mm512_storeu_ps(out, sum) : _mm512_mask_storeu_ps(out, first_lanes(lanes), sum);
  }
};

// to_bfloat16 of sixteen: vcvtneps2bf16 would make zeros of the smallest numbers, which the products do.
__m256i to_bfloat16(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i high = _mm512_srli_epi32(bits, 16);
  const __m512i tie =
      _mm512_add_epi32(_mm512_and_si512(high, _mm512_set1_epi32(1)), _mm512_set1_epi32(0x7FFF));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, tie), 16);
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  const __mmask16 no_number = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, no_number, quiet));
}

bool prepare(const PrepareRowsArgs& args) {
  const int64_t padded = (args.inputs + Mac::kGroup - 1) / Mac::kGroup * Mac::kGroup;
  auto* to = reinterpret_cast<uint16_t*>(args.numbers);
  for (int64_t row = 0; row < args.rows; ++row, to += padded) {
    const float* x = args.x + row * args.inputs;
    for (int64_t i = 0; i < padded; i += 16) {
      const __m512 values = _mm512_maskz_loadu_ps(first_lanes(args.inputs - i), x + i);
      _mm256_mask_storeu_epi16(to + i, first_lanes(padded - i), to_bfloat16(values));
    }
  }
  return true;
}

}  // namespace
}  // namespace headwise::kernels

#include "kernels/reduced-inl.h"

namespace headwise::kernels {

constinit const ReducedProducts kAvx512Bfloat16{
    .layout = {kWidth, Mac::kGroup, sizeof(Mac::Number)}, .prepare = prepare, .multiply = multiply_reduced};

}  // namespace headwise::kernels
