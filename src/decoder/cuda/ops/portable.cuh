// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what lets one body of an operation run on a device's threads and, for tests, on the
// CPU: numbers that both sides round alike, and the group of threads that works on one block.
//
// A body sees its threads as warps of lanes: thread() of threads(), lane() of lanes() in warp() of warps(). A
// CPU's group may be one thread (OneThread) or many (tests/support/thread_group.h): a body must not count on
// a number. sync() is a barrier of the block and the warp's sums are barriers of the warp, so all of its
// lanes must come to them.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define HW_ANY __host__ __device__
#else
#define HW_ANY
#endif

namespace headwise::device {

struct Bfloat16 {
  uint16_t bits;
};

HW_ANY inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
HW_ANY inline uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

HW_ANY inline float to_float(float value) { return value; }
HW_ANY inline float to_float(Bfloat16 value) {
  return float_of_bits(static_cast<uint32_t>(value.bits) << 16);
}

// To the nearest, ties to even.
template <typename T>
HW_ANY T rounded(float value);
template <>
HW_ANY inline float rounded<float>(float value) {
  return value;
}
template <>
HW_ANY inline Bfloat16 rounded<Bfloat16>(float value) {
  const uint32_t bits = bits_of_float(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};  // NaN
  return {static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}

// Rounded on their own: no compiler makes one operation of the two.
HW_ANY inline float product_of(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
HW_ANY inline float sum_of(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}

HW_ANY constexpr int64_t pieces_of(int64_t n, int64_t by) { return (n + by - 1) / by; }
HW_ANY constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
HW_ANY constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
HW_ANY inline float larger(float a, float b) { return a > b ? a : b; }
HW_ANY inline float minus_infinity() { return float_of_bits(0xFF800000u); }

// The CPU's plain group: a block is one thread.
class OneThread {
 public:
  explicit OneThread(void* shared) : shared_(shared) {}
  int64_t thread() const { return 0; }
  int64_t threads() const { return 1; }
  int64_t warp() const { return 0; }
  int64_t warps() const { return 1; }
  int64_t lane() const { return 0; }
  int64_t lanes() const { return 1; }
  void sync() const {}
  // Over the lanes of a warp; every lane gets it.
  float lane_sum(float value) const { return value; }
  float lane_max(float value) const { return value; }
  // Memory of the block, on a multiple of 128.
  void* shared() const { return shared_; }

 private:
  void* shared_;
};

}  // namespace headwise::device
