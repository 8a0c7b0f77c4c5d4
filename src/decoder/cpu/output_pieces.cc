// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/output_pieces.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace headwise {
namespace {

using kernels::divide_up;

// Fewer rows are not worth a piece: a product reads its weights once for all of them.
constexpr int64_t kFewestRows = 6;
// Wider pieces begin to leave threads without one.
constexpr int64_t kPiecesOfAThread = 4;

// In how many parts the rows of `left` pieces are best cut: the longest thread does the least.
int64_t row_parts(int64_t left, int64_t rows, int64_t threads) {
  int64_t best = 1;
  const auto longest = [&](int64_t parts) {
    return divide_up(left * parts, threads) * divide_up(rows, parts);
  };
  for (int64_t parts = 2; divide_up(rows, parts) >= kFewestRows; ++parts) {
    if (longest(parts) < longest(best)) best = parts;
  }
  return best;
}

}  // namespace

std::vector<OutputPiece> cut_outputs(const OutputCut& cut) {
  // The widest pieces of which every thread still gets a few.
  int64_t width = cut.most_outputs;
  while (width > cut.grain && divide_up(cut.outputs, width) * cut.products < kPiecesOfAThread * cut.threads) {
    width -= cut.grain;
  }
  std::vector<OutputPiece> whole;
  for (int product = 0; product < cut.products; ++product) {
    for (int64_t first = 0; first < cut.outputs; first += width) {
      whole.push_back({product, first, std::min(width, cut.outputs - first), 0, cut.rows});
    }
  }
  const auto count = static_cast<int64_t>(whole.size());
  const int64_t kept = count / cut.threads * cut.threads;
  const int64_t parts = row_parts(count - kept, cut.rows, cut.threads);
  std::vector<OutputPiece> pieces(whole.begin(), whole.begin() + kept);
  for (int64_t i = kept; i < count; ++i) {
    const int64_t step = divide_up(cut.rows, parts);
    for (int64_t row = 0; row < cut.rows; row += step) {
      OutputPiece piece = whole[static_cast<size_t>(i)];
      piece.row = row;
      piece.rows = std::min(step, cut.rows - row);
      pieces.push_back(piece);
    }
  }
  return pieces;
}

}  // namespace headwise
