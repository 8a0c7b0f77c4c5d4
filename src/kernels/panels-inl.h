// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The linear layers' products on weights packed into panels, over `Vec`. Include a vec_*.h and
// elementwise-inl.h first.
//
// Bound: FMA throughput. A panel is read from memory once, with the first rows, and then stands in the
// second-level cache for the others; meanwhile the next one is on its way.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/block_product-inl.h"
#include "kernels/fetch-inl.h"
#include "kernels/kernels.h"

namespace headwise::kernels {
namespace {

inline constexpr int64_t kPanelWidth = Vec::kColumnVectors * Vec::kLanes;

inline constexpr int64_t kLineFloats = kLineBytes / int64_t{sizeof(float)};
inline constexpr int64_t kPanelLines = kPanelWidth / kLineFloats;  // of one input

// Beside step k of a panel: so many lines of the next one.
template <int64_t kLines>
struct FetchLines {
  const float* from;
  void operator()(int64_t k) const { fetch(from + k * kLines * kLineFloats, kLines * kLineBytes); }
};

// One panel's `columns` outputs, whole vectors, of all rows.
inline void multiply_panel(const MultiplyPanelsArgs& args, const float* panel, const float* next,
                           int64_t columns, float* out, int64_t out_stride) {
  const int64_t depth = args.inputs;
  const int64_t lines = lines_of_a_step(divide_up(args.rows, kBlockRows), kPanelLines);
  int64_t fetched = next == nullptr ? kPanelLines : 0;
  for (int64_t row = 0; row < args.rows; row += kBlockRows) {
    const int64_t rows = std::min(kBlockRows, args.rows - row);
    const float* x = args.x + row * depth;
    float* to = out + row * out_stride;
    const auto product = [&](const auto& step) {
      some_rows_product<false>(rows, x, depth, panel, kPanelWidth, depth, to, out_stride, columns, step);
    };
    if (fetched >= kPanelLines) {
      product(NoStep{});
      continue;
    }
    const float* from = next + fetched * depth * kLineFloats;
    fetched += lines;
    if (lines == 1) {
      product(FetchLines<1>{from});
    } else if (lines == 2) {
      product(FetchLines<2>{from});
    } else {
      product(FetchLines<kPanelLines>{from});
    }
  }
}

void multiply_panels(const MultiplyPanelsArgs& args) {
  const int64_t size = args.inputs * kPanelWidth;
  for (int64_t first = 0; first < args.outputs; first += kPanelWidth) {
    const float* panel = args.panels + first * args.inputs;
    const int64_t columns = std::min(kPanelWidth, args.outputs - first);
    const float* next = first + kPanelWidth < args.outputs ? panel + size : args.next;
    const int64_t padded = round_up(columns, Vec::kLanes);
    if (padded == columns) {
      multiply_panel(args, panel, next, columns, args.out + first, args.out_stride);
      continue;
    }
    // The last vector has fewer outputs than lanes: not beyond the caller's rows.
    float edge[kRowTile * kPanelWidth];
    multiply_panel(args, panel, next, padded, edge, kPanelWidth);
    for (int64_t row = 0; row < args.rows; ++row) {
      std::copy_n(edge + row * kPanelWidth, columns, args.out + row * args.out_stride + first);
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
