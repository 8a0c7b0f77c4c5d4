// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Block layouts and formulas of ggml (ggml-common.h; dequantize_row_* in ggml-quants.c). Each product and sum
// is rounded on its own, in ggml's order, and the loops run over fixed counts of local bytes so that
// compilers vectorise them. A "half" is IEEE binary16; a block's low nibbles come before its high ones.
#include "kernels/dequantize.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"

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

inline float load_half(const std::byte* from) { return half_to_float(load<uint16_t>(from)); }

// A private copy of a block's bytes: `out` may then not be suspected of overlapping them.
template <size_t N>
std::array<uint8_t, N> load_bytes(const std::byte* from) {
  return load<std::array<uint8_t, N>>(from);
}

inline float to_float(int value) { return static_cast<float>(value); }

// half d; 32 signed bytes.
struct Q8_0 {
  static void decode(const std::byte* block, float* __restrict out) {
    const float d = load_half(block);
    const auto q = load<std::array<int8_t, 32>>(block + 2);
    for (int i = 0; i < 32; ++i) out[i] = to_float(q[i]) * d;
  }
};

// half d; 16 bytes of nibbles, 8 too large.
struct Q4_0 {
  static void decode(const std::byte* block, float* __restrict out) {
    const float d = load_half(block);
    const auto q = load_bytes<16>(block + 2);
    for (int i = 0; i < 16; ++i) out[i] = to_float((q[i] & 15) - 8) * d;
    for (int i = 0; i < 16; ++i) out[i + 16] = to_float((q[i] >> 4) - 8) * d;
  }
};

// half d, half m; 16 bytes of nibbles.
struct Q4_1 {
  static void decode(const std::byte* block, float* __restrict out) {
    const float d = load_half(block);
    const float m = load_half(block + 2);
    const auto q = load_bytes<16>(block + 4);
    for (int i = 0; i < 16; ++i) out[i] = to_float(q[i] & 15) * d + m;
    for (int i = 0; i < 16; ++i) out[i + 16] = to_float(q[i] >> 4) * d + m;
  }
};

// Bit i of `bits` as 0 or 16: the fifth bit of value i.
inline std::array<uint8_t, 32> fifth_bits(uint32_t bits) {
  // Masks and comparisons, not shifts by i, which SSE2 and AVX2 have for no bytes.
  constexpr std::array<uint8_t, 8> kMask{1, 2, 4, 8, 16, 32, 64, 128};
  std::array<uint8_t, 32> fifth;
  for (int byte = 0; byte < 4; ++byte) {
    const auto eight = static_cast<uint8_t>(bits >> (8 * byte));
    for (int i = 0; i < 8; ++i) fifth[8 * byte + i] = (eight & kMask[i]) == kMask[i] ? 16 : 0;
  }
  return fifth;
}

// half d; 32 fifth bits; 16 bytes of nibbles; 16 too large.
struct Q5_0 {
  static void decode(const std::byte* block, float* __restrict out) {
    const float d = load_half(block);
    const auto fifth = fifth_bits(load<uint32_t>(block + 2));
    const auto q = load_bytes<16>(block + 6);
    for (int i = 0; i < 16; ++i) out[i] = to_float(((q[i] & 15) | fifth[i]) - 16) * d;
    for (int i = 0; i < 16; ++i) out[i + 16] = to_float(((q[i] >> 4) | fifth[i + 16]) - 16) * d;
  }
};

// half d, half m; 32 fifth bits; 16 bytes of nibbles.
struct Q5_1 {
  static void decode(const std::byte* block, float* __restrict out) {
    const float d = load_half(block);
    const float m = load_half(block + 2);
    const auto fifth = fifth_bits(load<uint32_t>(block + 4));
    const auto q = load_bytes<16>(block + 8);
    for (int i = 0; i < 16; ++i) out[i] = to_float((q[i] & 15) | fifth[i]) * d + m;
    for (int i = 0; i < 16; ++i) out[i + 16] = to_float((q[i] >> 4) | fifth[i + 16]) * d + m;
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
  const auto packed = load_bytes<12>(block + 4);
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
  static void decode(const std::byte* block, float* __restrict out) {
    const ScalesAndMinima s = load_scales(block);
    for (int part = 0; part < 4; ++part) {
      const auto q = load_bytes<32>(block + 16 + 32 * part);
      float* __restrict low = out + 64 * part;
      float* __restrict high = low + 32;
      for (int i = 0; i < 32; ++i) low[i] = s.scale[2 * part] * to_float(q[i] & 15) - s.minimum[2 * part];
      for (int i = 0; i < 32; ++i)
        high[i] = s.scale[2 * part + 1] * to_float(q[i] >> 4) - s.minimum[2 * part + 1];
    }
  }
};

// As Q4_K, with 32 bytes of fifth bits before the nibbles: bits 2p and 2p + 1 belong to part p.
struct Q5_K {
  static void decode(const std::byte* block, float* __restrict out) {
    const ScalesAndMinima s = load_scales(block);
    const auto fifth = load_bytes<32>(block + 16);
    for (int part = 0; part < 4; ++part) {
      const auto q = load_bytes<32>(block + 48 + 32 * part);
      float* __restrict low = out + 64 * part;
      float* __restrict high = low + 32;
      for (int i = 0; i < 32; ++i) {
        const int value = (q[i] & 15) | (((fifth[i] >> (2 * part)) & 1) << 4);
        low[i] = s.scale[2 * part] * to_float(value) - s.minimum[2 * part];
      }
      for (int i = 0; i < 32; ++i) {
        const int value = (q[i] >> 4) | (((fifth[i] >> (2 * part + 1)) & 1) << 4);
        high[i] = s.scale[2 * part + 1] * to_float(value) - s.minimum[2 * part + 1];
      }
    }
  }
};

// 128 bytes of low nibbles, 64 of upper bit pairs, 16 signed scales, half d; 32 too large. Each half of the
// block holds four runs of 32 values; runs 0 and 1 are the low nibbles of its two times 32 bytes, 2 and 3 the
// high.
struct Q6_K {
  static void decode(const std::byte* block, float* __restrict out) {
    const float d = load_half(block + 208);
    const auto scales = load<std::array<int8_t, 16>>(block + 192);
    for (int half = 0; half < 2; ++half) {
      const auto upper = load_bytes<32>(block + 128 + 32 * half);
      for (int run = 0; run < 4; ++run) {
        const auto q = load_bytes<32>(block + 64 * half + 32 * (run & 1));
        const int shift = 4 * (run >> 1);
        float* __restrict values = out + 128 * half + 32 * run;
        std::array<uint8_t, 32> whole;
        for (int i = 0; i < 32; ++i) {
          whole[i] = static_cast<uint8_t>(((q[i] >> shift) & 15) | (((upper[i] >> (2 * run)) & 3) << 4));
        }
        for (int quarter = 0; quarter < 2; ++quarter) {
          const float scale = d * to_float(scales[8 * half + 2 * run + quarter]);
          for (int i = 16 * quarter; i < 16 * quarter + 16; ++i) values[i] = scale * to_float(whole[i] - 32);
        }
      }
    }
  }
};

void copy_f32(const std::byte* stored, int64_t values, float* out) {
  std::memcpy(out, stored, static_cast<size_t>(values) * sizeof(float));
}

void widen_f16(const std::byte* stored, int64_t values, float* __restrict out) {
  for (int64_t i = 0; i < values; ++i) out[i] = load_half(stored + 2 * i);
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

}  // namespace

void dequantize(DType dtype, const std::byte* stored, int64_t values, float* out) {
  HW_CHECK(values % dtype_traits(dtype).block_values == 0);
  if (values == 0) return;
  kDecode[static_cast<size_t>(dtype)](stored, values, out);
}

}  // namespace headwise::kernels
