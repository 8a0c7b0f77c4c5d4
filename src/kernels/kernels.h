// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of operations that we write ourselves (attention, read-out, rotary, norms,
// gate), one entry per operation, one table per instruction set. scalar.cc is the definition; every other
// table is compared with it. Matrix products of the linear layers are in gemm.h (oneDNN).
//
// Determinism: what an operation writes for a row depends on that row and on the keys it sees, never on the
// other rows of the call. Results differ in rounding between instruction sets, not between runs, threads or
// tilings.
//
// Letters: T tokens, H query heads, K kv heads, D head width, C model width.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "headwise/error.h"

namespace headwise::kernels {

// Keys are kept in tiles of 64: a tile is [D][64] (dimension-major), so that 64 logits grow together.
inline constexpr int64_t kKeyTile = 64;
// Most query rows of one attention call: 24 keep queries, logits, sums and a tile of keys and values near the
// first-level cache (D = 64: 50 KiB); 48 took 1.07 x the time of the whole pass.
inline constexpr int64_t kQueryTile = 24;

constexpr int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }
// Rows of values and of head outputs are padded with zeros to whole vectors of any instruction set.
constexpr int64_t padded_width(int64_t head_width) { return round_up(head_width, 16); }

// Keys [begin, end) in storage order; begin is a multiple of kKeyTile.
struct KeyRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Which keys a run of query rows sees: every key of `context`, and of its own segment, causally: row r
// (0-based in the call) sees keys own_begin .. own_begin + first_row + r.
struct Visibility {
  const KeyRange* context = nullptr;
  int64_t contexts = 0;
  int64_t own_begin = 0;  // multiple of kKeyTile
  int64_t first_row = 0;  // place of the call's first row in its segment
};

struct AttendArgs {
  const float* queries = nullptr;  // [rows, query_stride], after rotary, scaled by 1/sqrt(D)
  int64_t query_stride = 0;
  int64_t rows = 0;               // 1..kQueryTile
  const float* keys = nullptr;    // tiles [D][64] of one kv head
  const float* values = nullptr;  // [key, padded_width(D)] of one kv head; padding keys hold zeros
  int64_t head_width = 0;
  Visibility visible;
  float* out = nullptr;  // [rows, out_stride], D values each
  int64_t out_stride = 0;
  float* scratch = nullptr;  // attend_scratch(D) floats
};
constexpr int64_t attend_scratch(int64_t head_width) {
  return kQueryTile * (kKeyTile + padded_width(head_width) + 2);
}

struct ReadArgs {
  const float* queries = nullptr;  // as in AttendArgs
  int64_t query_stride = 0;
  int64_t rows = 0;  // any number
  const float* keys = nullptr;
  int64_t head_width = 0;
  Visibility visible;
  int64_t key_count = 0;           // storage size, a multiple of kKeyTile
  float* attention_sum = nullptr;  // [key_count]: A[h](i, j) summed over the rows i is added
  float* scratch = nullptr;        // read_scratch(key_count) floats
};
// Rows whose logits are held at once by `read`.
inline constexpr int64_t kReadRows = 6;
constexpr int64_t read_scratch(int64_t key_count) { return kReadRows * key_count; }

// out [rows, outputs] = x [rows, inputs] weights^T, weights row-major [outputs, inputs].
struct MultiplyRowsArgs {
  const float* x = nullptr;  // [rows, x_stride]
  int64_t x_stride = 0;
  int64_t rows = 0;  // any number; made for few
  const float* weights = nullptr;
  int64_t outputs = 0;
  int64_t inputs = 0;
  float* out = nullptr;  // [rows, out_stride]
  int64_t out_stride = 0;
};

struct KernelTable {
  std::string_view name;
  // out[i] = x[i] / sqrt(mean(x^2) + epsilon) * weight[i]; out may be x. (Zhang and Sennrich 2019)
  void (*rms_norm)(const float* x, const float* weight, int64_t width, float epsilon, float* out);
  // Rotary embedding, halves paired (x[i], x[i + D/2]), then times `scale`; cos and sin hold D/2 values.
  // (Su et al. 2021; pairing of GPT-NeoX and Hugging Face)
  void (*rotate)(float* x, const float* cos, const float* sin, int64_t width, float scale);
  // gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i] (SwiGLU, Shazeer 2020)
  void (*silu_multiply)(float* gate, const float* up, int64_t count);
  // x[i] += y[i]
  void (*add)(float* x, const float* y, int64_t count);
  // Softmax attention of a tile of query rows over the keys they see, online over key tiles (Milakov and
  // Gimelshein 2018; Dao 2022): memory does not grow with the number of keys.
  void (*attend)(const AttendArgs& args);
  // The attention probabilities themselves, summed over rows: docs/method.md#scores.
  void (*read)(const ReadArgs& args);
  // A value depends on its row and its output's weights alone.
  void (*multiply_rows)(const MultiplyRowsArgs& args);
  // dequantize.h; the same bits in every table.
  void (*dequantize)(DType dtype, const std::byte* stored, int64_t values, float* out);
};

// The best table this processor runs, or the one that environment variable HEADWISE_ISA names (scalar, avx2,
// avx512). kUsage when that is unknown or the processor cannot run it. Decided once per process.
Result<const KernelTable*> select_kernels();
// Tables this build and this processor have, definition first. For tests and benchmarks.
std::vector<const KernelTable*> available_kernels();

}  // namespace headwise::kernels
