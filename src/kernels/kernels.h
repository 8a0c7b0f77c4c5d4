// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of operations (attention, read-out, matrix products, rotary, norms, gate), one
// entry per operation, one table per instruction set. scalar.cc is the definition; every other table is
// compared with it. What the linear layers make of the products is in linear.h.
//
// Determinism: what an operation writes for a row depends on that row and on the keys it sees, never on the
// other rows of the call. Results differ in rounding between instruction sets, not between runs, threads or
// tilings.
//
// Letters: T tokens, H query heads, K kv heads, D head width, C model width.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "headwise/error.h"
#include "headwise/keep.h"
#include "kernels/reduced.h"

namespace headwise::kernels {

// Keys are kept in tiles of 64: a tile is [D][64] (dimension-major), so that 64 logits grow together.
inline constexpr int64_t kKeyTile = 64;
// The last tile of a block is only as wide as its keys need, in steps of this.
inline constexpr int64_t kKeyGrain = 16;

constexpr int64_t divide_up(int64_t n, int64_t by) { return (n + by - 1) / by; }
constexpr int64_t round_up(int64_t n, int64_t step) { return divide_up(n, step) * step; }
// Keys, and rows of values, that a block of `count` keys has memory for.
constexpr int64_t stored_keys(int64_t count) { return round_up(count, kKeyGrain); }
// Columns of the tile that begins with key `first`, a multiple of kKeyTile. It stands `first * D` numbers
// behind the block's start.
constexpr int64_t tile_width(int64_t count, int64_t first) {
  return std::min(kKeyTile, stored_keys(count - first));
}
// Rows of values and of head outputs are padded with zeros to whole vectors of any instruction set.
constexpr int64_t padded_width(int64_t head_width) { return round_up(head_width, 16); }

// Bytes of one kept number.
constexpr int64_t kept_bytes(KeptType type) {
  return type == KeptType::kFloat32 ? 4 : type == KeptType::kBfloat16 ? 2 : 1;
}

// Keys and values that one kv head has of a run of tokens: a prefix, a passage, a query. Keys stand in tiles
// [D][tile_width], values as rows of padded_width(D); both are stored_keys(count) long: keys beyond `count`
// are any finite numbers, values zeros.
struct KeyBlock {
  const void* keys = nullptr;    // numbers of `type`
  const void* values = nullptr;  // likewise; null where nobody attends
  int64_t count = 0;
  int64_t first_position = 0;  // of the first token; the others follow one by one
  int64_t place = 0;           // of its first key in what `read` adds up; a multiple of kKeyGrain
  // Where not all tokens have keys: those that do, ascending; null: all do. Key i is then at first_position +
  // tokens[i].
  const int32_t* tokens = nullptr;
  KeptType type = KeptType::kFloat32;
  // Of int8: what a number is multiplied by. What key_tiles.h decodes.
  const float* key_scales = nullptr;    // [D]
  const float* value_scales = nullptr;  // [count]
};

// How many of a block's keys are of tokens before `position`.
inline int64_t keys_before(const KeyBlock& block, int64_t position) {
  const int64_t token = position - block.first_position;
  if (block.tokens == nullptr) return std::clamp<int64_t>(token, 0, block.count);
  return std::lower_bound(block.tokens, block.tokens + block.count, token) - block.tokens;
}

// What becomes of a logit before the softmax, and which keys are too far back to be seen.
struct LogitRules {
  float soft_cap = 0.0f;  // above 0: logits become soft_cap * tanh(logit / soft_cap) (Gemma team 2024)
  int64_t window = 0;     // above 0: a row sees positions above its own - window (Beltagy et al. 2020)
};
// The lowest position that a row sees; `row` is its place in the segment whose keys are `own`.
constexpr int64_t lowest_seen(const LogitRules& rules, const KeyBlock& own, int64_t row) {
  return rules.window == 0 ? INT64_MIN / 2 : own.first_position + row - rules.window + 1;
}

// Which keys a run of query rows sees: every key of the blocks `context`, and of the block of its own segment
// causally: row r (0-based in the call) sees the keys up to first_row + r.
struct Visibility {
  std::span<const KeyBlock> context;
  KeyBlock own;
  int64_t first_row = 0;  // place of the call's first row in its segment
};
// Columns of the tiles that `rows` rows see.
constexpr int64_t keys_seen(const Visibility& visible, int64_t rows) {
  int64_t keys = stored_keys(visible.first_row + rows);
  for (const KeyBlock& block : visible.context) keys += stored_keys(block.count);
  return keys;
}

// Attention takes a block's last two tiles at once where the last one is not whole: so many keys at most.
inline constexpr int64_t kStripKeys = 2 * kKeyTile - kKeyGrain;
// Room for so many keys, or values, of a block that is not fp32.
constexpr int64_t strip_scratch(int64_t head_width) { return kStripKeys * padded_width(head_width); }

// Query rows of one segment in a call. Heads that share keys are attended together: a segment's query rows
// are its rows in order and of each its `heads`, so that query row j sees the segment's own keys up to j /
// heads.
struct QueryRows {
  int64_t rows = 0;
  int64_t first = 0;                  // place of the first one among the segment's query rows
  std::span<const KeyBlock> context;  // behind the blocks that the whole call sees
  KeyBlock own;
};
struct AttendArgs {
  const float* queries = nullptr;  // [query rows, D], after rotary and scaling; part after part
  int64_t head_width = 0;
  int64_t heads = 1;
  LogitRules rules;
  std::span<const KeyBlock> shared;  // what all rows see first: passed once for all of them
  std::span<const QueryRows> parts;  // up to kAttendRows query rows together
  float* out = nullptr;              // [query rows, D]
  float* scratch = nullptr;          // attend_scratch(D) floats
};
// Their logits and sums fit the second-level cache beside a strip (D = 64: 120 KiB).
inline constexpr int64_t kAttendRows = 132;
constexpr int64_t attend_scratch(int64_t head_width) {
  return kAttendRows * (kStripKeys + padded_width(head_width) + 2) + strip_scratch(head_width);
}

struct ReadArgs {
  const float* queries = nullptr;  // as in AttendArgs
  int64_t query_stride = 0;
  int64_t rows = 0;  // any number
  int64_t head_width = 0;
  LogitRules rules;
  Visibility visible;
  // A[h](i, j) summed over the rows i is added, for key j of a block to [block.place + j].
  float* attention_sum = nullptr;
  float* scratch = nullptr;  // read_scratch(D, keys_seen(visible, rows)) floats
};
// Logits that `read` holds at once: they fit the second-level cache, unless the fewest rows have more.
inline constexpr int64_t kReadLogits = 120'000;
inline constexpr int64_t kFewestReadRows = 12;
inline constexpr int64_t kMostReadRows = 48;
constexpr int64_t read_rows_at_once(int64_t keys_seen) {
  return std::clamp(kReadLogits / keys_seen, kFewestReadRows, kMostReadRows);
}
constexpr int64_t read_scratch(int64_t head_width, int64_t keys_seen) {
  return std::max(kReadLogits, kFewestReadRows * keys_seen) + strip_scratch(head_width);
}

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

// Most rows of one product of packed weights. Callers cut their tokens into tiles of this many.
inline constexpr int64_t kRowTile = 64;
// Outputs that can be had without the others begin at multiples of this, which every table's panel_width
// divides.
inline constexpr int64_t kColumnGrain = 64;

// out [rows, outputs] = x [rows, inputs] W^T for weights W [outputs, inputs] packed into panels of the
// table's panel_width outputs: a panel is [inputs][panel_width], so that its outputs grow together, and they
// stand one behind the other. Weights of outputs beyond the last one are any finite numbers.
struct MultiplyPanelsArgs {
  const float* x = nullptr;  // [rows, inputs], contiguous
  int64_t rows = 0;          // up to kRowTile
  int64_t inputs = 0;
  const float* panels = nullptr;
  int64_t outputs = 0;
  float* out = nullptr;  // [rows, out_stride]
  int64_t out_stride = 0;
  std::span<const std::byte> next;  // of another product's panels, fetched meanwhile
};

// scale * B A, thin matrices: what a LoRA adapter adds to a weight matrix [outputs, inputs].
struct LowRank {
  const float* a = nullptr;  // [rank, inputs]
  const float* b = nullptr;  // [outputs, rank]
  int64_t rank = 0;
  float scale = 0.0f;
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
  // gate[i] = gate[i] / 2 * (1 + tanh(sqrt(2 / pi) (gate[i] + 0.044715 gate[i]^3))) * up[i] (Hendrycks and
  // Gimpel 2016; GeGLU, Shazeer 2020)
  void (*gelu_multiply)(float* gate, const float* up, int64_t count);
  // x[i] += y[i]
  void (*add)(float* x, const float* y, int64_t count);
  // x[i] += scale * y[i], rounded twice: the same bits in every table.
  void (*add_scaled)(float* x, const float* y, float scale, int64_t count);
  // Softmax attention of query rows over the keys they see, online over key tiles (Milakov and
  // Gimelshein 2018; Dao 2022): memory does not grow with the number of keys.
  void (*attend)(const AttendArgs& args);
  // The attention probabilities themselves, summed over rows: docs/method.md#scores.
  void (*read)(const ReadArgs& args);
  // A value depends on its row and its output's weights alone.
  void (*multiply_rows)(const MultiplyRowsArgs& args);
  // Likewise, and its sum runs over the inputs in order, by fused multiply-adds where the processor has them:
  // the same bits in all such tables.
  void (*multiply_panels)(const MultiplyPanelsArgs& args);
  int64_t panel_width;
  // Products of smaller numbers; null: none.
  const ReducedProducts* int8 = nullptr;  // the same bits in every table
  const ReducedProducts* bf16 = nullptr;  // those of its definition
  // Adds rows [first, first + rows) of a low-rank change to out [rows, inputs]: sums over the rank in its
  // order, every product and sum rounded, the same bits in every table.
  void (*add_low_rank)(const LowRank& change, int64_t first, int64_t rows, int64_t inputs, float* out);
  // dequantize.h; the same bits in every table.
  void (*dequantize)(DType dtype, const std::byte* stored, int64_t values, float* out);
  // key_tiles.h; likewise. `attend` and `read` do it for themselves.
  void (*decode_keys)(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
  void (*decode_values)(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
};

// The best table this processor runs, or the one that environment variable HEADWISE_ISA names (scalar, avx2,
// avx512, amx). kUsage when that is unknown or the processor cannot run it. Decided once per process.
Result<const KernelTable*> select_kernels();
// The same, or the definition where HEADWISE_ISA is wrong: for what has the same bits in every table.
const KernelTable& kernels_or_definition();
// Tables this build and this processor have, definition first. For tests and benchmarks.
std::vector<const KernelTable*> available_kernels();

}  // namespace headwise::kernels
