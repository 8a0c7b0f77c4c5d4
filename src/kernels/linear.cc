// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "kernels/linear.h"

#include "base/check.h"

namespace headwise::kernels {

void Linear::pack(const float* weights, int64_t outputs, int64_t inputs, LinearType type,
                  PackedLinear& packed) {
  HW_CHECK(type == LinearType::kFloat32);
  gemm_.pack(weights, outputs, inputs, packed.matrix_);
}

PreparedRows Linear::prepare(const float* x, int64_t rows, LinearType type) const {
  HW_CHECK(rows > 0 && rows <= kRowTile);
  PreparedRows prepared;
  prepared.x_ = x;
  prepared.rows_ = rows;
  prepared.type_ = type;
  return prepared;
}

void Linear::multiply(const PreparedRows& rows, const PackedLinear& weights, float* out) {
  HW_CHECK(rows.type_ == weights.type());
  gemm_.multiply(rows.x_, rows.rows_, weights.matrix_, out);
}

void Linear::multiply_columns(const PreparedRows& rows, const PackedLinear& weights, int64_t first,
                              int64_t outputs, float* out) {
  HW_CHECK(rows.type_ == weights.type());
  gemm_.multiply_columns(rows.x_, rows.rows_, weights.matrix_, first, outputs, out);
}

StoredRows prepare_stored(const KernelTable& ops, const float* x, int64_t rows, const StoredLinear& weights,
                          AlignedBuffer<float>& thin) {
  StoredRows prepared{.x = x, .rows = rows};
  const LowRank& change = weights.change;
  if (change.rank > 0) {
    thin.reserve(static_cast<size_t>(rows * change.rank));
    ops.multiply_rows(
        {x, weights.inputs, rows, change.a, change.rank, weights.inputs, thin.data(), change.rank});
    prepared.thin = thin.data();
  }
  return prepared;
}

void multiply_stored(const KernelTable& ops, const StoredRows& rows, const StoredLinear& weights,
                     int64_t first, int64_t outputs, StoredScratch& scratch, float* out, int64_t out_stride) {
  HW_CHECK(outputs > 0 && outputs <= kStoredOutputs);
  const int64_t inputs = weights.inputs;
  scratch.weights.reserve(static_cast<size_t>(kStoredOutputs * inputs));
  weights.rows(first, outputs, scratch.weights.data());
  ops.multiply_rows({rows.x, inputs, rows.rows, scratch.weights.data(), outputs, inputs, out, out_stride});
  const LowRank& change = weights.change;
  if (change.rank == 0) return;
  scratch.change.reserve(static_cast<size_t>(rows.rows * kStoredOutputs));
  ops.multiply_rows({rows.thin, change.rank, rows.rows, change.b + first * change.rank, outputs, change.rank,
                     scratch.change.data(), kStoredOutputs});
  for (int64_t row = 0; row < rows.rows; ++row) {
    ops.add_scaled(out + row * out_stride, scratch.change.data() + row * kStoredOutputs, change.scale,
                   outputs);
  }
}

}  // namespace headwise::kernels
