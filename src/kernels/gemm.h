// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the linear layers' matrix products, out = x W^T in fp32, done by oneDNN on weights
// packed once into its preferred layout. What it is not: threads. Every call runs in the calling thread;
// callers split rows.
//
// Determinism: an output value depends on its row and column alone. With oneDNN's brgemm kernels (AVX-512)
// this holds for any number of rows; elsewhere rows are padded to whole tiles so that every call has the same
// number. Either way whole groups of kColumnGrain outputs may be multiplied by themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace headwise::kernels {

// Most rows of one product. Callers cut their tokens into tiles of this many.
inline constexpr int64_t kRowTile = 64;
// Outputs that can be had without the others come in groups of this many, up to four groups a call.
inline constexpr int64_t kColumnGrain = 64;
inline constexpr int64_t kMostColumns = 4 * kColumnGrain;

// A weight matrix [outputs, inputs] in oneDNN's layout for this processor. Immutable after packing: many
// threads may multiply with it at once, each through its own Gemm.
class PackedMatrix {
 public:
  PackedMatrix();
  PackedMatrix(PackedMatrix&&) noexcept;
  PackedMatrix& operator=(PackedMatrix&&) noexcept;
  ~PackedMatrix();

  int64_t outputs() const;
  int64_t inputs() const;
  size_t bytes() const;
  // Products with fewer rows than kRowTile give the same bits and touch these rows alone.
  bool any_rows() const;
  // Some of the outputs can be had without the others.
  bool any_columns() const;

  struct State;

 private:
  friend class Gemm;
  std::unique_ptr<State> state_;
};

// One per thread: holds the thread's oneDNN stream and primitives. Not for concurrent use.
class Gemm {
 public:
  Gemm();
  Gemm(Gemm&&) noexcept;
  Gemm& operator=(Gemm&&) noexcept;
  ~Gemm();

  // Packs row-major weights [outputs, inputs]; `packed`'s memory is used again when it is large enough.
  void pack(const float* weights, int64_t outputs, int64_t inputs, PackedMatrix& packed);

  // out [rows, outputs] = x [rows, inputs] weights^T for 0 < rows <= kRowTile, both contiguous. Unless the
  // matrix has any_rows(), rows up to kRowTile are read and written too: that much room must be there.
  void multiply(const float* x, int64_t rows, const PackedMatrix& weights, float* out);
  // The same for outputs [first, first + outputs), whole groups of kColumnGrain, at most kMostColumns, of a
  // matrix with any_columns(); out is [rows, outputs], contiguous.
  void multiply_columns(const float* x, int64_t rows, const PackedMatrix& weights, int64_t first,
                        int64_t outputs, float* out);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace headwise::kernels
