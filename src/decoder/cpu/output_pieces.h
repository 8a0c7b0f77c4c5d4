// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how products of few rows are shared out among threads: by their outputs, so that each
// weight is read by one thread and once. Plain data; what a value is does not depend on the cut.
#pragma once

#include <cstdint>
#include <vector>

namespace headwise {

// Columns [first, first + outputs) of product `product` for rows [row, row + rows).
struct OutputPiece {
  int product;
  int64_t first;
  int64_t outputs;
  int64_t row;
  int64_t rows;
};

struct OutputCut {
  int products = 1;          // of the same size
  int64_t outputs = 0;       // of each
  int64_t most_outputs = 0;  // of a piece: a multiple of `grain` below `outputs`, or `outputs`
  int64_t grain = 0;         // pieces begin at multiples of this
  int64_t rows = 0;
  int threads = 1;
};

// Pieces of all outputs, as many as every thread gets the same number of; what is left is cut by rows.
std::vector<OutputPiece> cut_outputs(const OutputCut& cut);

}  // namespace headwise
