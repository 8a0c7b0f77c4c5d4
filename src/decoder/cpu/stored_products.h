// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a layer's linear maps for a few rows, straight from stored weights: a dozen outputs'
// weights are made fp32, multiplied and forgotten. Nothing is packed, no row is padded, and an adapter's
// change is two thin products, (x A^T) B^T. What it is not: fast for many rows (gemm.h).
//
// Bound: the FLOPs, 2 * rows * weights, or the reading of the stored bytes, whichever takes longer.
// Determinism: a value depends on its row alone, not on the other rows, the threads, or which outputs are
// asked for. Thread rule: one caller at a time; it uses the pool.
#pragma once

#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "model/weights.h"

namespace headwise {

// out[r][o] = x[r] . W[first + o] + bias[first + o] for `outputs` rows of a matrix.
struct StoredProduct {
  LayerTensor matrix;
  int64_t first = 0;
  int64_t outputs = 0;
  const float* x = nullptr;  // [rows, inputs], contiguous
  float* out = nullptr;      // [rows, out_stride]
  int64_t out_stride = 0;
};

class StoredProducts {
 public:
  StoredProducts(const ModelWeights& weights, const kernels::KernelTable& ops, ThreadPool& pool);
  // All at once, so that the threads' gaps are few. Products of one matrix have the same x.
  void run(int64_t layer, int64_t rows, std::span<const StoredProduct> products);

 private:
  struct Piece {
    size_t product;
    int64_t first;  // in the product
    int64_t outputs;
  };
  const ModelWeights& weights_;
  const kernels::KernelTable& ops_;
  ThreadPool& pool_;
  std::vector<AlignedBuffer<float>> decoded_;  // of each worker: a piece's weights
  std::vector<AlignedBuffer<float>> changed_;  // of each worker: what the adapter adds to a piece
  std::vector<AlignedBuffer<float>> thin_;     // of each matrix: x A^T [rows, rank]
  std::vector<Piece> pieces_;
};

}  // namespace headwise
