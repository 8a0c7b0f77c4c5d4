// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the linear layers' products, out = x W^T, in the ways that there are: on weights packed
// once into panels, for many rows and for some of the outputs; and straight from stored weights, made fp32 a
// few outputs at a time (dot products, multiply_rows), for few rows. A caller chooses the way; the two differ
// in rounding. Rows are prepared once for all products that read them. What it is not: threads. Every call
// runs on its caller's.
//
// Determinism: an output value depends on its row and its column alone, in either way.
// Bounds: packed, the FLOPs, or for few rows the reading of the weights; stored, the FLOPs or the reading of
// the stored bytes, whichever takes longer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"
#include "kernels/reduced.h"

namespace headwise::kernels {

// What packed weights and prepared rows are made of: docs/method.md#precision.
enum class LinearType { kFloat32, kBfloat16, kInt8 };

// Whether the table has products of a type.
bool has_products(const KernelTable& ops, LinearType type);

// A weight matrix [outputs, inputs] in the panels of one table. Immutable once packed: many threads may read
// it.
class PackedLinear {
 public:
  LinearType type() const { return type_; }
  int64_t outputs() const { return outputs_; }
  int64_t inputs() const { return inputs_; }
  size_t bytes() const;
  // The panel that begins with output `first`, a multiple of kColumnGrain.
  std::span<const std::byte> panel(int64_t first) const;

 private:
  friend class Linear;
  int64_t outputs_ = 0;
  int64_t inputs_ = 0;
  LinearType type_ = LinearType::kFloat32;
  PanelLayout layout_;
  AlignedBuffer<float> panels_;       // of fp32: MultiplyPanelsArgs
  AlignedBuffer<std::byte> reduced_;  // of the others: MultiplyReducedArgs
  AlignedBuffer<float> scales_;       // [spans, padded outputs]
  AlignedBuffer<int32_t> sums_;       // likewise
};

// Memory of prepared rows.
struct PreparedMemory {
  AlignedBuffer<std::byte> numbers;
  AlignedBuffer<float> scales;
  AlignedBuffer<float> turned;
};

// Rows of one tile as products of a type read them. Lives no longer than the rows and the memory it was made
// of.
class PreparedRows {
 public:
  int64_t rows() const { return rows_; }
  // False: a value is infinite or NaN, which the type cannot hold; products of its row mean nothing. Always
  // true of types that can.
  bool finite() const { return finite_; }
  // Rows [first, first + rows) of them.
  PreparedRows part(int64_t first, int64_t rows) const;

 private:
  friend class Linear;
  const float* x_ = nullptr;  // fp32 is read as it is
  const std::byte* numbers_ = nullptr;
  const float* scales_ = nullptr;
  int64_t rows_ = 0;
  int64_t inputs_ = 0;
  int64_t row_bytes_ = 0;
  int64_t spans_ = 0;
  LinearType type_ = LinearType::kFloat32;
  bool finite_ = true;
};

// Outputs [first, first + count) of a matrix; `first` is a multiple of kColumnGrain.
struct OutputRange {
  int64_t first;
  int64_t count;
};

// Products with one table's kernels. Plain data: from any thread.
class Linear {
 public:
  explicit Linear(const KernelTable& ops) : ops_(&ops) {}

  // Packs row-major fp32 weights; `packed`'s memory is used again when it is large enough.
  void pack(const float* weights, int64_t outputs, int64_t inputs, LinearType type,
            PackedLinear& packed) const;
  // x [rows, inputs], contiguous, 0 < rows <= kRowTile. Once for all products of the same rows.
  PreparedRows prepare(const float* x, int64_t rows, int64_t inputs, LinearType type,
                       PreparedMemory& memory) const;
  // out [rows, outputs], contiguous.
  void multiply(const PreparedRows& rows, const PackedLinear& weights, float* out) const;
  // Some of the outputs alone: out [rows, range.count], contiguous.
  // `next`: the panel that the thread multiplies after it, which is fetched meanwhile.
  void multiply(const PreparedRows& rows, const PackedLinear& weights, OutputRange range, float* out,
                std::span<const std::byte> next = {}) const;

 private:
  const KernelTable* ops_;
};

// A matrix that is not packed: `rows` writes the fp32 values of its rows [first, first + count).
struct StoredLinear {
  std::function<void(int64_t first, int64_t count, float* out)> rows;
  int64_t inputs = 0;
  LowRank change;  // added to the products, not to the weights; rank 0: none
};
// Outputs of one multiply_stored: whole blocks of the kernels' (3 and 6), and their weights fit the
// second-level cache beside the rows.
inline constexpr int64_t kStoredOutputs = 12;

// Rows as products with stored weights read them: x, and where the matrix has a change x A^T.
struct StoredRows {
  const float* x = nullptr;  // [rows, inputs], contiguous
  int64_t rows = 0;
  const float* thin = nullptr;  // [rows, rank]
};
// `thin` [rows, rank] is the memory for x A^T; not looked at where there is no change.
StoredRows prepare_stored(const KernelTable& ops, const float* x, int64_t rows, const StoredLinear& weights,
                          AlignedBuffer<float>& thin);

// Memory of one thread.
struct StoredScratch {
  AlignedBuffer<float> weights;  // [kStoredOutputs, inputs]
  AlignedBuffer<float> change;   // [rows, kStoredOutputs]
};
// out [rows, out_stride] for outputs [first, first + outputs), at most kStoredOutputs.
void multiply_stored(const KernelTable& ops, const StoredRows& rows, const StoredLinear& weights,
                     int64_t first, int64_t outputs, StoredScratch& scratch, float* out, int64_t out_stride);

}  // namespace headwise::kernels
