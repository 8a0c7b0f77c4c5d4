// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: stored weights (every type of base/tensor.h) to what products read: one number after the
// other, an adapter's low-rank change added in fp32, then rounded to T once. Rows of q and k that GGUF keeps
// in interleaved rotary order go to where transformers has them. Numbers are those of kernels/dequantize.h,
// to the bit.
#pragma once

#include "base/tensor.h"
#include "decoder/cuda/ops/portable.cuh"

namespace headwise::device {

// A block's bytes, which may stand anywhere.
struct StoredBlock {
  const uint8_t* data;
  HW_ANY float half(int64_t at) const {
    const uint32_t bits = static_cast<uint32_t>(data[at]) | static_cast<uint32_t>(data[at + 1]) << 8;
    const uint32_t sign = (bits & 0x8000u) << 16;
    const uint32_t exponent = (bits >> 10) & 31u;
    const uint32_t mantissa = bits & 1023u;
    if (exponent == 0) {
      const float value = static_cast<float>(mantissa) * 0x1.0p-24f;
      return sign == 0 ? value : -value;
    }
    const uint32_t wide = exponent == 31u ? 255u : exponent + 112u;
    return float_of_bits(sign | wide << 23 | mantissa << 13);
  }
  HW_ANY int nibble(int64_t at, bool high) const { return high ? data[at] >> 4 : data[at] & 15; }
  HW_ANY int bit(int64_t at, int64_t i) const { return data[at + i / 8] >> (i % 8) & 1; }
  HW_ANY int whole(int64_t at) const { return static_cast<int8_t>(data[at]); }
};

// Scale or minimum number i of eight, of a K block's 12 bytes (get_scale_min_k4).
HW_ANY inline int packed_scale(const StoredBlock& block, int64_t i, bool minimum) {
  const uint8_t* packed = block.data + 4;
  if (i < 4) return packed[minimum ? i + 4 : i] & 63;
  const uint8_t low = packed[i + 4];
  return (minimum ? low >> 4 : low & 15) | packed[minimum ? i : i - 4] >> 6 << 4;
}

// q * d, and + m.
HW_ANY inline float scaled(int q, float d) { return product_of(static_cast<float>(q), d); }
HW_ANY inline float shifted(int q, float d, float m) { return sum_of(scaled(q, d), m); }

// Number i of a block of 4- or 5-bit numbers, 256 of them.
HW_ANY inline float k_number(const StoredBlock& block, int64_t i, bool fifth) {
  const int64_t part = i / 64;
  const bool high = i % 64 >= 32;
  const int64_t place = i % 32;
  const int64_t run = 2 * part + (high ? 1 : 0);
  int q = block.nibble((fifth ? 48 : 16) + 32 * part + place, high);
  if (fifth) q |= (block.data[16 + place] >> run & 1) << 4;
  const float scale = product_of(block.half(0), static_cast<float>(packed_scale(block, run, false)));
  const float minimum = product_of(block.half(2), static_cast<float>(packed_scale(block, run, true)));
  return shifted(q, scale, -minimum);
}

HW_ANY inline float q6_number(const StoredBlock& block, int64_t i) {
  const int64_t half = i / 128;
  const int64_t run = i % 128 / 32;
  const int64_t place = i % 32;
  const int upper = block.data[128 + 32 * half + place] >> (2 * run) & 3;
  const int q = (block.nibble(64 * half + 32 * (run & 1) + place, run >= 2) | upper << 4) - 32;
  const int scale = block.whole(192 + 8 * half + 2 * run + place / 16);
  return scaled(q, product_of(block.half(208), static_cast<float>(scale)));
}

// Number i of the numbers that begin at `stored`.
HW_ANY inline float stored_number(DType type, const uint8_t* stored, int64_t i) {
  const auto block = [&](int64_t values, int64_t bytes) { return StoredBlock{stored + i / values * bytes}; };
  const bool high = i % 32 >= 16;
  switch (type) {
    case DType::kF32: {
      float value;
      memcpy(&value, stored + 4 * i, sizeof value);
      return value;
    }
    case DType::kF16:
      return StoredBlock{stored}.half(2 * i);
    case DType::kBF16:
      return float_of_bits(static_cast<uint32_t>(stored[2 * i]) << 16 |
                           static_cast<uint32_t>(stored[2 * i + 1]) << 24);
    case DType::kQ8_0: {
      const StoredBlock b = block(32, 34);
      return scaled(b.whole(2 + i % 32), b.half(0));
    }
    case DType::kQ4_0: {
      const StoredBlock b = block(32, 18);
      return scaled(b.nibble(2 + i % 16, high) - 8, b.half(0));
    }
    case DType::kQ4_1: {
      const StoredBlock b = block(32, 20);
      return shifted(b.nibble(4 + i % 16, high), b.half(0), b.half(2));
    }
    case DType::kQ5_0: {
      const StoredBlock b = block(32, 22);
      return scaled((b.nibble(6 + i % 16, high) | b.bit(2, i % 32) << 4) - 16, b.half(0));
    }
    case DType::kQ5_1: {
      const StoredBlock b = block(32, 24);
      return shifted(b.nibble(8 + i % 16, high) | b.bit(4, i % 32) << 4, b.half(0), b.half(2));
    }
    case DType::kQ4_K:
      return k_number({stored + i / 256 * 144}, i % 256, false);
    case DType::kQ5_K:
      return k_number({stored + i / 256 * 176}, i % 256, true);
    case DType::kQ6_K:
      return q6_number({stored + i / 256 * 210}, i % 256);
  }
  return 0.0f;
}

// out [rows of the matrix, columns]: rows [first, first + rows) of it as they stand in the file, from
// `stored`, each to its place.
struct StoreArgs {
  const void* stored;
  DType type;
  void* out;  // of T; the matrix's first number
  int64_t first;
  int64_t rows;
  int64_t columns;
  int64_t interleaved;  // head width where rows are in interleaved rotary order; 0: in order
  const float* a;       // [rank, columns]: what an adapter adds, scale * b a
  const float* b;       // [rows of the matrix, rank]
  int64_t rank;         // 0: nothing
  float scale;
};
template <typename T>
struct Store {
  StoreArgs a;
  static constexpr int kThreads = 256;
  static constexpr int64_t kPiece = 1024;  // numbers of a row that a block works on
  HW_ANY int64_t pieces() const { return pieces_of(a.columns, kPiece); }
  HW_ANY int64_t blocks() const { return a.rows * pieces(); }
  HW_ANY int64_t shared() const { return 0; }
  // Where a stored row belongs.
  HW_ANY int64_t place(int64_t row) const {
    if (a.interleaved == 0) return row;
    const int64_t in_head = row % a.interleaved;
    return row - in_head + in_head / 2 + (in_head % 2 == 0 ? 0 : a.interleaved / 2);
  }
  template <typename Group>
  HW_ANY void run(int64_t block, const Group& group) const {
    const int64_t stored_row = block / pieces();
    const int64_t row = place(a.first + stored_row);
    const int64_t begin = block % pieces() * kPiece;
    const int64_t end = least(a.columns, begin + kPiece);
    T* out = static_cast<T*>(a.out) + row * a.columns;
    for (int64_t i = begin + group.thread(); i < end; i += group.threads()) {
      float value = stored_number(a.type, static_cast<const uint8_t*>(a.stored), stored_row * a.columns + i);
      if (a.rank > 0) {
        float change = 0.0f;
        for (int64_t r = 0; r < a.rank; ++r) {
          change = sum_of(change, product_of(a.b[row * a.rank + r], a.a[r * a.columns + i]));
        }
        value = sum_of(value, product_of(a.scale, change));
      }
      out[i] = rounded<T>(value);
    }
  }
};

}  // namespace headwise::device
