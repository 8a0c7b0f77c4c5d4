// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Block layouts and formulas of ggml (ggml-common.h; dequantize_row_* in ggml-quants.c), compiled once per
// instruction set. A format takes a block apart into small whole numbers; `widen`, which the including file
// defines first, makes them floats. Each product and sum is rounded on its own, in ggml's order, so that
// every instruction set gives the same bits. A "half" is IEEE binary16; a block's low nibbles come before its
// high ones.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/tensor.h"

namespace headwise::kernels {
namespace {

static_assert(std::endian::native == std::endian::little, "model files are little-endian");

// IEEE binary16 to binary32 without branches or F16C (Maratyszcza's FP16 library): normal numbers, infinities
// and NaNs by shifting the exponent and scaling, subnormal ones by a subtraction that normalises them. Exact.
inline float half_to_float(uint16_t half) {
  const uint32_t word = static_cast<uint32_t>(half) << 16;
  const uint32_t sign = word & 0x80000000u;
  const uint32_t doubled = word + word;
  const float normal = std::bit_cast<float>((doubled >> 4) + (0xE0u << 23)) * 0x1.0p-112f;
  const float subnormal = std::bit_cast<float>((doubled >> 17) | (126u << 23)) - 0.5f;
  const uint32_t is_subnormal = doubled < (1u << 27) ? ~0u : 0u;
  return std::bit_cast<float>(sign | (is_subnormal & std::bit_cast<uint32_t>(subnormal)) |
                              (~is_subnormal & std::bit_cast<uint32_t>(normal)));
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

#if defined(__F16C__)
inline float load_half(const std::byte* from) { return _cvtsh_ss(load<uint16_t>(from)); }
#else
inline float load_half(const std::byte* from) { return half_to_float(load<uint16_t>(from)); }
#endif

inline float to_float(int value) { return static_cast<float>(value); }

// Sixteen values of a block at once, before they are scaled, in the compiler's own vectors (GCC, Clang):
// given arrays, GCC takes the bytes apart one by one.
using Bytes = uint8_t __attribute__((vector_size(16)));
using Small = int8_t __attribute__((vector_size(16)));
constexpr int kRun = 16;

// out[0 .. 16) = values * scale, and + shift: two roundings.
#if defined(__AVX2__)
inline __m256 eight(__m128i values) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(values)); }
inline void widen(Small values, float scale, float* out) {
  const auto v = (__m128i)values;
  const __m256 s = _mm256_set1_ps(scale);
  _mm256_storeu_ps(out, eight(v) * s);
  _mm256_storeu_ps(out + 8, eight(_mm_srli_si128(v, 8)) * s);
}
inline void widen(Small values, float scale, float shift, float* out) {
  const auto v = (__m128i)values;
  const __m256 s = _mm256_set1_ps(scale);
  const __m256 m = _mm256_set1_ps(shift);
  _mm256_storeu_ps(out, eight(v) * s + m);
  _mm256_storeu_ps(out + 8, eight(_mm_srli_si128(v, 8)) * s + m);
}
#else
inline void widen(Small values, float scale, float* out) {
  std::array<int8_t, kRun> v;
  std::memcpy(v.data(), &values, sizeof values);
  for (int i = 0; i < kRun; ++i) out[i] = to_float(v[i]) * scale;
}
inline void widen(Small values, float scale, float shift, float* out) {
  std::array<int8_t, kRun> v;
  std::memcpy(v.data(), &values, sizeof values);
  for (int i = 0; i < kRun; ++i) out[i] = to_float(v[i]) * scale + shift;
}
#endif

inline Bytes low(Bytes q) { return q & 15; }
inline Bytes high(Bytes q) { return q >> 4; }
inline Bytes bytes(const std::byte* from) { return load<Bytes>(from); }
inline Small less(Bytes q, int bias) { return (Small)(q - static_cast<uint8_t>(bias)); }

// half d; 32 signed bytes.
struct Q8_0 {
  static void decode(const std::byte* block, float* out) {
    const float d = load_half(block);
    widen(load<Small>(block + 2), d, out);
    widen(load<Small>(block + 18), d, out + kRun);
  }
};

// half d; 16 bytes of nibbles, 8 too large.
struct Q4_0 {
  static void decode(const std::byte* block, float* out) {
    const float d = load_half(block);
    const Bytes q = bytes(block + 2);
    widen(less(low(q), 8), d, out);
    widen(less(high(q), 8), d, out + kRun);
  }
};

// half d, half m; 16 bytes of nibbles.
struct Q4_1 {
  static void decode(const std::byte* block, float* out) {
    const float d = load_half(block);
    const float m = load_half(block + 2);
    const Bytes q = bytes(block + 4);
    widen(less(low(q), 0), d, m, out);
    widen(less(high(q), 0), d, m, out + kRun);
  }
};

// 16 where the bit of a value is set in the 16 bits at `from`, else 0.
inline Bytes fifth_bits(const std::byte* from) {
  constexpr Bytes kMask{1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const auto first = static_cast<uint8_t>(from[0]);
  const auto second = static_cast<uint8_t>(from[1]);
  const Bytes spread{first,  first,  first,  first,  first,  first,  first,  first,
                     second, second, second, second, second, second, second, second};
  return (Bytes)((spread & kMask) == kMask) & 16;
}

// half d; 32 fifth bits; 16 bytes of nibbles; 16 too large.
struct Q5_0 {
  static void decode(const std::byte* block, float* out) {
    const float d = load_half(block);
    const Bytes q = bytes(block + 6);
    widen(less(low(q) | fifth_bits(block + 2), 16), d, out);
    widen(less(high(q) | fifth_bits(block + 4), 16), d, out + kRun);
  }
};

// half d, half m; 32 fifth bits; 16 bytes of nibbles.
struct Q5_1 {
  static void decode(const std::byte* block, float* out) {
    const float d = load_half(block);
    const float m = load_half(block + 2);
    const Bytes q = bytes(block + 8);
    widen(less(low(q) | fifth_bits(block + 4), 0), d, m, out);
    widen(less(high(q) | fifth_bits(block + 6), 0), d, m, out + kRun);
  }
};

// Eight 6-bit scales and eight 6-bit minima in 12 bytes (get_scale_min_k4).
struct ScalesAndMinima {
  std::array<float, 8> scale;
  std::array<float, 8> minimum;
};
inline ScalesAndMinima load_scales(const std::byte* block) {
  const float d = load_half(block);
  const float d_minimum = load_half(block + 2);
  const auto packed = load<std::array<uint8_t, 12>>(block + 4);
  ScalesAndMinima result;
  for (int i = 0; i < 4; ++i) {
    result.scale[i] = d * to_float(packed[i] & 63);
    result.minimum[i] = d_minimum * to_float(packed[i + 4] & 63);
    result.scale[i + 4] = d * to_float((packed[i + 8] & 15) | ((packed[i] >> 6) << 4));
    result.minimum[i + 4] = d_minimum * to_float((packed[i + 8] >> 4) | ((packed[i + 4] >> 6) << 4));
  }
  return result;
}

// half d, half dmin; 12 bytes of scales; 4 x 32 bytes of nibbles, each byte holding values i and i + 32 of
// its 64.
struct Q4_K {
  static void decode(const std::byte* block, float* out) {
    const ScalesAndMinima s = load_scales(block);
    for (int part = 0; part < 4; ++part) {
      for (int run = 0; run < 2; ++run) {
        const Bytes q = bytes(block + 16 + 32 * part + kRun * run);
        float* values = out + 64 * part + kRun * run;
        widen(less(low(q), 0), s.scale[2 * part], -s.minimum[2 * part], values);
        widen(less(high(q), 0), s.scale[2 * part + 1], -s.minimum[2 * part + 1], values + 32);
      }
    }
  }
};

// As Q4_K, with 32 bytes of fifth bits before the nibbles: bits 2p and 2p + 1 belong to part p.
struct Q5_K {
  static void decode(const std::byte* block, float* out) {
    const ScalesAndMinima s = load_scales(block);
    for (int part = 0; part < 4; ++part) {
      for (int run = 0; run < 2; ++run) {
        const Bytes fifth = bytes(block + 16 + kRun * run) >> (2 * part);
        const Bytes q = bytes(block + 48 + 32 * part + kRun * run);
        float* values = out + 64 * part + kRun * run;
        widen(less(low(q) | (fifth & 1) << 4, 0), s.scale[2 * part], -s.minimum[2 * part], values);
        widen(less(high(q) | (fifth & 2) << 3, 0), s.scale[2 * part + 1], -s.minimum[2 * part + 1],
              values + 32);
      }
    }
  }
};

// 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, half d; 32 too large. Each half of the
// block holds four runs of 32 values; runs 0 and 1 are the low nibbles of its two times 32 bytes, 2 and 3 the
// high.
struct Q6_K {
  static void decode(const std::byte* block, float* out) {
    const float d = load_half(block + 208);
    const auto scales = load<std::array<int8_t, 16>>(block + 192);
    for (int half = 0; half < 2; ++half) {
      for (int run = 0; run < 4; ++run) {
        for (int quarter = 0; quarter < 2; ++quarter) {
          const Bytes upper = bytes(block + 128 + 32 * half + kRun * quarter) >> (2 * run);
          const Bytes q = bytes(block + 64 * half + 32 * (run & 1) + kRun * quarter);
          widen(less((run < 2 ? low(q) : high(q)) | (upper & 3) << 4, 32),
                d * to_float(scales[8 * half + 2 * run + quarter]),
                out + 128 * half + 32 * run + kRun * quarter);
        }
      }
    }
  }
};

void copy_f32(const std::byte* stored, int64_t values, float* out) {
  std::memcpy(out, stored, static_cast<size_t>(values) * sizeof(float));
}

void widen_f16(const std::byte* stored, int64_t values, float* __restrict out) {
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= values; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(load<__m128i>(stored + 2 * i)));
#endif
  for (; i < values; ++i) out[i] = load_half(stored + 2 * i);
}

void widen_bf16(const std::byte* stored, int64_t values, float* __restrict out) {
  for (int64_t i = 0; i < values; ++i) {
    out[i] = std::bit_cast<float>(static_cast<uint32_t>(load<uint16_t>(stored + 2 * i)) << 16);
  }
}

template <typename Block, int64_t kValues, int64_t kBytes>
void decode_blocks(const std::byte* stored, int64_t values, float* out) {
  for (int64_t block = 0; block < values / kValues; ++block) {
    Block::decode(stored + block * kBytes, out + block * kValues);
  }
}

using Decode = void (*)(const std::byte*, int64_t, float*);

// In the order of DType.
constexpr std::array<Decode, 11> kDecode{
    copy_f32,
    widen_f16,
    widen_bf16,
    decode_blocks<Q8_0, 32, 34>,
    decode_blocks<Q4_0, 32, 18>,
    decode_blocks<Q4_1, 32, 20>,
    decode_blocks<Q5_0, 32, 22>,
    decode_blocks<Q5_1, 32, 24>,
    decode_blocks<Q4_K, 256, 144>,
    decode_blocks<Q5_K, 256, 176>,
    decode_blocks<Q6_K, 256, 210>,
};

void dequantize_blocks(DType dtype, const std::byte* stored, int64_t values, float* out) {
  kDecode[static_cast<size_t>(dtype)](stored, values, out);
}

}  // namespace
}  // namespace headwise::kernels
