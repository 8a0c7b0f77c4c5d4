// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of int8 for avx2, two inputs at a time as 16-bit numbers (vpmaddwd): twice the multiply-adds of
// fp32, and nothing saturates, as vpmaddubsw would with eight bits on both sides. CMake gives this one file
// the compiler flags.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/reduced.h"
#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

__m256i first_lanes(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : n <= 0 ? 0 : static_cast<int>(n)), lane);
}

struct Mac {
  static constexpr int64_t kLanes = 8;
  static constexpr int64_t kColumnVectors = 2;  // 6 x 2 sums of 16 registers
  static constexpr int64_t kGroup = 2;
  static constexpr int64_t kSpanGroups = kInt8Span / kGroup;
  using Number = int16_t;
  using Weight = int8_t;
  using Sum = __v8si;  // as the instruction has it: GCC 12 takes an array of __m256i through memory
  using Factor = __m256i;
  using Columns = __m256i;
  struct Scale {
    __m256 v;
  };

  static Sum begin(const MultiplyReducedArgs&, int64_t, int64_t) { return Sum{}; }
  static Columns columns(const std::byte* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Factor factor(const Number* x) {
    int32_t two;
    std::memcpy(&two, x, sizeof(two));
    return _mm256_set1_epi32(two);
  }
  static Sum add(Sum sum, Factor factor, Columns columns) {
    return sum + reinterpret_cast<Sum>(_mm256_madd_epi16(factor, columns));
  }
  static Scale scale(const MultiplyReducedArgs& args, int64_t output, int64_t span) {
    return {_mm256_loadu_ps(args.scales + span * args.scale_stride + output)};
  }
  static Scale row_scale(const MultiplyReducedArgs& args, int64_t row, int64_t span) {
    return {_mm256_set1_ps(args.x_scales[row * args.spans + span])};
  }
  template <bool kFirst, bool kWhole>
  [[gnu::always_inline]] static void finish(Sum sum, Scale scale, Scale row_scale, int64_t lanes,
                                            float* out) {
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(reinterpret_cast<__m256i>(sum)), scale.v);
    const __m256i there = kWhole ? _mm256_set1_epi32(-1) : first_lanes(lanes);
    const __m256 value =
        kFirst ? _mm256_mul_ps(scaled, row_scale.v)
               : _mm256_fmadd_ps(scaled, row_scale.v,
                                 kWhole ? _mm256_loadu_ps(out) : _mm256_maskload_ps(out, there));
    kWhole ? _mm256_storeu_ps(out, value) : _mm256_maskstore_ps(out, there, value);
  }
  // Sums in the lower lane of a pair, differences in the upper one.
  template <int kUpper>
  static __m256 pairs(__m256 x, __m256 partners) {
    return _mm256_blend_ps(_mm256_add_ps(x, partners), _mm256_sub_ps(partners, x), kUpper);
  }
  static void turn(const float* x, float* out) {
    __m256 v[8];
    for (int i = 0; i < 8; ++i) {
      v[i] = _mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), _mm256_set1_ps(0.125f));
      v[i] = pairs<0xAA>(v[i], _mm256_permute_ps(v[i], 0xB1));
      v[i] = pairs<0xCC>(v[i], _mm256_permute_ps(v[i], 0x4E));
      v[i] = pairs<0xF0>(v[i], _mm256_permute2f128_ps(v[i], v[i], 1));
    }
    for (const int distance : {1, 2, 4}) {
      for (int i = 0; i < 8; ++i) {
        if ((i & distance) != 0) continue;
        const __m256 lower = v[i];
        const __m256 upper = v[i + distance];
        v[i] = _mm256_add_ps(lower, upper);
        v[i + distance] = _mm256_sub_ps(lower, upper);
      }
    }
    for (int i = 0; i < 8; ++i) _mm256_storeu_ps(out + 8 * i, v[i]);
  }

  static float largest(const float* x, int64_t count) {
    __m256i most = _mm256_setzero_si256();
    const auto take = [&](__m256 values) {
      const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
      most = _mm256_max_epi32(most, _mm256_and_si256(_mm256_castps_si256(values), magnitude));
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) take(_mm256_loadu_ps(x + i));
    if (i < count) take(_mm256_maskload_ps(x + i, first_lanes(count - i)));
    alignas(32) int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), most);
    const int32_t bits = *std::max_element(lanes, lanes + 8);
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  static void quantize(const float* x, int64_t count, int64_t padded, float factor, Number* to) {
    const __m256 factors = _mm256_set1_ps(factor);
    const auto rounded = [&](__m256 values) {
      const __m256i whole = _mm256_cvtps_epi32(_mm256_mul_ps(values, factors));
      return _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), rounded(_mm256_loadu_ps(x + i)));
    }
    if (i >= padded) return;
    const __m128i rest = rounded(_mm256_maskload_ps(x + i, first_lanes(count - i)));
    std::memcpy(to + i, &rest, static_cast<size_t>(padded - i) * sizeof(Number));
  }
};

}  // namespace
}  // namespace headwise::kernels

#include "kernels/int8-inl.h"
#include "kernels/reduced-inl.h"

namespace headwise::kernels {

constinit const ReducedProducts kAvx2Int8{.layout = {kWidth, Mac::kGroup, sizeof(Mac::Number)},
                                          .prepare = prepare_int8,
                                          .multiply = multiply_reduced};

}  // namespace headwise::kernels
