// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of int8 for avx512_vnni. vpdpbusd multiplies unsigned by signed numbers: rows are kept 128 larger
// than they are, and an output's sum begins with what that adds too much. CMake gives this one file the
// compiler flags.
#include <immintrin.h>

#include <cstring>

#include "kernels/reduced.h"
#include "kernels/spans_avx512-inl.h"
#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

constexpr int kShift = 128;

struct Mac {
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kColumnVectors = 4;  // 6 x 4 sums of 32 registers
  static constexpr int64_t kGroup = 4;
  static constexpr int64_t kSpanGroups = kInt8Span / kGroup;
  using Number = uint8_t;
  using Weight = int8_t;
  using Sum = __v16si;  // as the instruction has it: GCC 12 takes an array of __m512i through memory
  using Factor = __m512i;
  using Columns = __m512i;
  struct Scale {
    __m512 v;
  };

  static Sum begin(const MultiplyReducedArgs& args, int64_t output, int64_t span) {
    const __m512i sums = _mm512_loadu_si512(args.sums + span * args.scale_stride + output);
    return reinterpret_cast<Sum>(_mm512_mullo_epi32(sums, _mm512_set1_epi32(-kShift)));
  }
  static Columns columns(const std::byte* p) { return _mm512_loadu_si512(p); }
  static Factor factor(const Number* x) {
    int32_t four;
    std::memcpy(&four, x, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  static Sum add(Sum sum, Factor factor, Columns columns) {
    return reinterpret_cast<Sum>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), factor, columns));
  }
  static Scale scale(const MultiplyReducedArgs& args, int64_t output, int64_t span) {
    return {_mm512_loadu_ps(args.scales + span * args.scale_stride + output)};
  }
  static Scale row_scale(const MultiplyReducedArgs& args, int64_t row, int64_t span) {
    return {_mm512_set1_ps(args.x_scales[row * args.spans + span])};
  }
  template <bool kFirst, bool kWhole>
  [[gnu::always_inline]] static void finish(Sum sum, Scale scale, Scale row_scale, int64_t lanes,
                                            float* out) {
    finish_span<kFirst, kWhole>(reinterpret_cast<__m512i>(sum), scale.v, row_scale.v, lanes, out);
  }
  // Sums in the lower lane of a pair, differences in the upper one.
  template <int kUpper>
  static __m512 pairs(__m512 x, __m512 partners) {
    return _mm512_mask_sub_ps(_mm512_add_ps(x, partners), kUpper, partners, x);
  }
  static void turn(const float* x, float* out) {
    __m512 v[4];
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_mul_ps(_mm512_loadu_ps(x + 16 * i), _mm512_set1_ps(0.125f));
      v[i] = pairs<0xAAAA>(v[i], _mm512_permute_ps(v[i], 0xB1));
      v[i] = pairs<0xCCCC>(v[i], _mm512_permute_ps(v[i], 0x4E));
      v[i] = pairs<0xF0F0>(v[i], _mm512_shuffle_f32x4(v[i], v[i], 0xB1));
      v[i] = pairs<0xFF00>(v[i], _mm512_shuffle_f32x4(v[i], v[i], 0x4E));
    }
    for (const int distance : {1, 2}) {
      for (const int i : {0, 3 - distance}) {
        const __m512 lower = v[i];
        const __m512 upper = v[i + distance];
        v[i] = _mm512_add_ps(lower, upper);
        v[i + distance] = _mm512_sub_ps(lower, upper);
      }
    }
    for (int i = 0; i < 4; ++i) _mm512_storeu_ps(out + 16 * i, v[i]);
  }
  static float largest(const float* x, int64_t count) {
    __m512i most = _mm512_setzero_si512();
    const auto take = [&](__m512 values) {
      const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
      most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_castps_si512(values), magnitude));
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) take(_mm512_loadu_ps(x + i));
    if (i < count) take(_mm512_maskz_loadu_ps(first_lanes(count - i), x + i));
    const int bits = _mm512_reduce_max_epi32(most);
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  static void quantize(const float* x, int64_t count, int64_t padded, float factor, Number* to) {
    const __m512 factors = _mm512_set1_ps(factor);
    const auto rounded = [&](__m512 values) {
      const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(values, factors));
      return _mm512_cvtepi32_epi8(_mm512_add_epi32(whole, _mm512_set1_epi32(kShift)));
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), rounded(_mm512_loadu_ps(x + i)));
    }
    if (i >= padded) return;
    _mm_mask_storeu_epi8(to + i, first_lanes(padded - i),
                         rounded(_mm512_maskz_loadu_ps(first_lanes(count - i), x + i)));
  }
};

}  // namespace
}  // namespace headwise::kernels

#include "kernels/int8-inl.h"
#include "kernels/reduced-inl.h"

namespace headwise::kernels {

constinit const ReducedProducts kVnniInt8{.layout = {kWidth, Mac::kGroup, sizeof(Mac::Number)},
                                          .prepare = prepare_int8,
                                          .multiply = multiply_reduced};

}  // namespace headwise::kernels
