// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the linear layers' products, out = x W^T, in the ways that there are: on weights packed
// once (oneDNN, gemm.h), for many rows; and straight from stored weights, made fp32 a few outputs at a time
// (dot products, multiply_rows), for few rows. A caller chooses the way; the two differ in rounding. Rows are
// prepared once for all products that read them. What it is not: threads. Every call runs on its caller's.
//
// Determinism: an output value depends on its row and its column alone, in either way.
// Bounds: packed, the FLOPs; stored, the FLOPs or the reading of the stored bytes, whichever takes longer.
#pragma once

#include <cstdint>
#include <functional>

#include "base/aligned_buffer.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"

namespace headwise::kernels {

// What packed weights and prepared rows are made of; sums are fp32.
enum class LinearType { kFloat32 };

// A weight matrix [outputs, inputs] ready for Linear::multiply. Immutable once packed: many threads may read
// it.
class PackedLinear {
 public:
  LinearType type() const { return LinearType::kFloat32; }
  int64_t outputs() const { return matrix_.outputs(); }
  int64_t inputs() const { return matrix_.inputs(); }
  size_t bytes() const { return matrix_.bytes(); }
  // gemm.h: products of fewer rows than kRowTile, or of some of the outputs.
  bool any_rows() const { return matrix_.any_rows(); }
  bool any_columns() const { return matrix_.any_columns(); }

 private:
  friend class Linear;
  PackedMatrix matrix_;
};

// Rows of one tile as products of a type read them. Lives no longer than the rows it was made of.
class PreparedRows {
 public:
  int64_t rows() const { return rows_; }

 private:
  friend class Linear;
  const float* x_ = nullptr;  // fp32 is read as it is
  int64_t rows_ = 0;
  LinearType type_ = LinearType::kFloat32;
};

// One per thread. Not for concurrent use.
class Linear {
 public:
  // Packs row-major fp32 weights; `packed`'s memory is used again when it is large enough.
  void pack(const float* weights, int64_t outputs, int64_t inputs, LinearType type, PackedLinear& packed);
  // x [rows, inputs], contiguous, 0 < rows <= kRowTile. Room as in Gemm::multiply: kRowTile rows where a
  // matrix has not any_rows().
  PreparedRows prepare(const float* x, int64_t rows, LinearType type) const;
  // out [rows, outputs], contiguous, with the same room.
  void multiply(const PreparedRows& rows, const PackedLinear& weights, float* out);
  // Outputs [first, first + outputs) alone: Gemm::multiply_columns. out [rows, outputs].
  void multiply_columns(const PreparedRows& rows, const PackedLinear& weights, int64_t first, int64_t outputs,
                        float* out);

 private:
  Gemm gemm_;
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
