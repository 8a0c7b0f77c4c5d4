// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The linear layers' products on weights packed into panels, over `Vec`. Include a vec_*.h and
// elementwise-inl.h first.
//
// Bound: FMA throughput. A panel is read from memory once, with the first rows, and then stands in the
// second-level cache for the others; meanwhile the next one is on its way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/block_product-inl.h"
#include "kernels/fetch-inl.h"
#include "kernels/kernels.h"

namespace headwise::kernels {
namespace {

inline constexpr int64_t kPanelWidth = Vec::kColumnVectors * Vec::kLanes;

// Beside step k of a panel: so many lines of the next one.
template <int64_t kLines>
struct FetchLines {
  const std::byte* from;
  void operator()(int64_t k) const { fetch(from + k * kLines * kLineBytes, kLines * kLineBytes); }
};

// One panel's `columns` outputs, whole vectors, of all rows.
inline void multiply_panel(const MultiplyPanelsArgs& args, const float* panel,
                           std::span<const std::byte> next, int64_t columns, float* out, int64_t out_stride) {
  const int64_t depth = args.inputs;
  PanelFetch fetched(next, depth, divide_up(args.rows, kBlockRows));
  for (int64_t row = 0; row < args.rows; row += kBlockRows) {
    const auto product = [&](const auto& step) {
      some_rows_product<false>(std::min(kBlockRows, args.rows - row), args.x + row * depth, depth, panel,
                               kPanelWidth, depth, out + row * out_stride, out_stride, columns, step);
    };
    const std::byte* from = fetched.take_block();
    if (from == nullptr) {
      product(NoStep{});
    } else if (fetched.lines() == 1) {
      product(FetchLines<1>{from});
    } else if (fetched.lines() == 2) {
      product(FetchLines<2>{from});
    } else {
      product(FetchLines<4>{from});
    }
  }
}

void multiply_panels(const MultiplyPanelsArgs& args) {
  const int64_t size = args.inputs * kPanelWidth;
  for (int64_t first = 0; first < args.outputs; first += kPanelWidth) {
    const float* panel = args.panels + first * args.inputs;
    const int64_t columns = std::min(kPanelWidth, args.outputs - first);
    const auto next = first + kPanelWidth < args.outputs
                          ? std::as_bytes(std::span(panel + size, static_cast<size_t>(size)))
                          : args.next;
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
