// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of small numbers on packed panels, over a type `Mac` that an instruction set's file gives:
//   kLanes, kColumnVectors   sums in a register; registers of sums that a row has
//   kGroup                   inputs of one step
//   Number, Sum, Factor, Columns
//   begin(args, output)      what sums of the outputs from `output` on begin with
//   columns(p), factor(x)    a register of weights; a row's numbers of one step, in all lanes
//   add(sum, factor, columns)
//   finish(args, sum, row, output, lanes, out)
// The shape is that of panels-inl.h: kRows rows of sums stand in registers, a panel comes from memory with
// the first of them, the next one is fetched meanwhile.
//
// Bound: the throughput of Mac::add; V + R loads for R * V of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/reduced.h"

namespace headwise::kernels {
namespace {

inline constexpr int64_t kRows = 6;
inline constexpr int64_t kWidth = Mac::kColumnVectors * Mac::kLanes;
inline constexpr int64_t kStepBytes = kWidth * Mac::kGroup * int64_t{sizeof(typename Mac::Weight)};
inline constexpr int64_t kVectorBytes = kStepBytes / Mac::kColumnVectors;

template <int64_t N, typename Body>
[[gnu::always_inline]] inline void each(const Body& body) {
  [&]<int64_t... I>(std::integer_sequence<int64_t, I...>) {
    (body(std::integral_constant<int64_t, I>{}), ...);
  }
  (std::make_integer_sequence<int64_t, N>{});
}

// Where a block's product stands.
struct Block {
  const std::byte* x;  // its first row's numbers
  int64_t row;         // its first row
  const std::byte* panel;
  const std::byte* next;  // the panel to be fetched meanwhile; null: none
  int64_t output;         // the panel's first
  int64_t columns;        // outputs of the panel that are there
};

// A function of its own: inlined into its callers, GCC 12 takes the sums through memory.
template <int64_t R, int64_t V, bool kFetch>
[[gnu::noinline]] void block_product(const MultiplyReducedArgs& args, const Block& block) {
  using Number = typename Mac::Number;
  typename Mac::Sum sums[R][V];
  each<V>([&](auto v) {
    const auto start = Mac::begin(args, block.output + v * Mac::kLanes);
    each<R>([&](auto r) { sums[r][v] = start; });
  });
  const int64_t stride = args.groups * Mac::kGroup;
  const auto* x = reinterpret_cast<const Number*>(block.x);
  const std::byte* panel = block.panel;
  for (int64_t g = 0; g < args.groups; ++g, panel += kStepBytes, x += Mac::kGroup) {
    typename Mac::Columns columns[V];
    each<V>([&](auto v) { columns[v] = Mac::columns(panel + v * kVectorBytes); });
    if constexpr (kFetch) {
      for (int64_t i = 0; i < kStepBytes; i += 64) {
        __builtin_prefetch(block.next + (panel - block.panel) + i, 0, 2);
      }
    }
    each<R>([&](auto r) {
      const auto factor = Mac::factor(x + r * stride);
      each<V>([&](auto v) { sums[r][v] = Mac::add(sums[r][v], factor, columns[v]); });
    });
  }
  each<V>([&](auto v) {
    const int64_t lanes = std::min(block.columns - v * Mac::kLanes, Mac::kLanes);
    each<R>([&](auto r) {
      float* out = args.out + (block.row + r) * args.out_stride + block.output + v * Mac::kLanes;
      Mac::finish(args, sums[r][v], block.row + r, block.output + v * Mac::kLanes, lanes, out);
    });
  });
}

template <int64_t R, int64_t V>
inline void block_product(const MultiplyReducedArgs& args, const Block& block) {
  if (block.next != nullptr) return block_product<R, V, true>(args, block);
  block_product<R, V, false>(args, block);
}

template <int64_t R>
inline void row_block_product(const MultiplyReducedArgs& args, const Block& block) {
  switch ((block.columns + Mac::kLanes - 1) / Mac::kLanes) {
    case 4:
      if constexpr (Mac::kColumnVectors > 3) block_product<R, 4>(args, block);
      return;
    case 3:
      if constexpr (Mac::kColumnVectors > 2) block_product<R, 3>(args, block);
      return;
    case 2:
      return block_product<R, 2>(args, block);
    default:
      return block_product<R, 1>(args, block);
  }
}

inline void some_rows_product(int64_t rows, const MultiplyReducedArgs& args, const Block& block) {
  switch (rows) {
    case 6:
      return row_block_product<6>(args, block);
    case 5:
      return row_block_product<5>(args, block);
    case 4:
      return row_block_product<4>(args, block);
    case 3:
      return row_block_product<3>(args, block);
    case 2:
      return row_block_product<2>(args, block);
    default:
      return row_block_product<1>(args, block);
  }
}

void multiply_reduced(const MultiplyReducedArgs& args) {
  const int64_t panel_bytes = args.groups * kStepBytes;
  const int64_t row_bytes = args.groups * Mac::kGroup * int64_t{sizeof(typename Mac::Number)};
  for (int64_t first = 0; first < args.outputs; first += kWidth) {
    const std::byte* panel = args.panels + first / kWidth * panel_bytes;
    const bool last = first + kWidth >= args.outputs;
    for (int64_t row = 0; row < args.rows; row += kRows) {
      const Block block{args.x + row * row_bytes,
                        row,
                        panel,
                        last || row > 0 ? nullptr : panel + panel_bytes,
                        first,
                        std::min(kWidth, args.outputs - first)};
      some_rows_product(std::min(kRows, args.rows - row), args, block);
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
