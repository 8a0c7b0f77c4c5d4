// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products of small numbers on packed panels, over a type `Mac` that an instruction set's file gives:
//   kLanes, kColumnVectors   sums in a register; registers of sums that a row has
//   kGroup                   inputs of one step
//   kSpanGroups              steps of a span: sums begin anew and are finished with each
//   Number, Sum, Factor, Columns
//   begin(args, output, span)  what sums of the outputs from `output` on begin with
//   columns(p), factor(x)    a register of weights; a row's numbers of one step, in all lanes
//   add(sum, factor, columns)
//   Scale, scale(args, output, span), row_scale(args, row, span)  of a span's sums; nothing where it has none
//   finish<kFirst, kWhole>(sum, scale, row_scale, lanes, out)  a span's sums into out, which has the spans
//       before, if it is not the first; kWhole: all lanes are there
// The shape is that of panels-inl.h: kRows rows of sums stand in registers, a panel comes from memory with
// the first of them, the next one is fetched meanwhile.
//
// Bound: the throughput of Mac::add; V + R loads for R * V of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "kernels/fetch-inl.h"
#include "kernels/kernels.h"
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

// Where a block's product of one span stands.
struct Block {
  const std::byte* x;  // its first row's numbers
  int64_t row;         // its first row
  const std::byte* panel;
  const std::byte* fetch;  // lines that are fetched meanwhile; null: none
  int64_t lines;           // of them, beside each step
  int64_t span;
  int64_t groups;   // of the span
  int64_t output;   // the panel's first
  int64_t columns;  // outputs of the panel that are there
};

// A function of its own: inlined into its callers, GCC 12 takes the sums through memory.
template <int64_t R, int64_t V, int64_t kLines>
[[gnu::noinline]] void block_product(const MultiplyReducedArgs& args, const Block& block) {
  using Number = typename Mac::Number;
  typename Mac::Sum sums[R][V];
  each<V>([&](auto v) {
    const auto start = Mac::begin(args, block.output + v * Mac::kLanes, block.span);
    each<R>([&](auto r) { sums[r][v] = start; });
  });
  const int64_t stride = args.groups * Mac::kGroup;
  const auto* x = reinterpret_cast<const Number*>(block.x);
  const std::byte* panel = block.panel;
  for (int64_t g = 0; g < block.groups; ++g, panel += kStepBytes, x += Mac::kGroup) {
    typename Mac::Columns columns[V];
    each<V>([&](auto v) { columns[v] = Mac::columns(panel + v * kVectorBytes); });
    each<kLines>([&](auto i) { __builtin_prefetch(block.fetch + (g * kLines + i) * kLineBytes, 0, 2); });
    each<R>([&](auto r) {
      const auto factor = Mac::factor(x + r * stride);
      each<V>([&](auto v) { sums[r][v] = Mac::add(sums[r][v], factor, columns[v]); });
    });
  }
  // Scales once for all rows, cases apart: a span has only 48 steps to spread what its end costs.
  const auto finish = [&]<bool kFirst, bool kWhole>() __attribute__((always_inline)) {
    typename Mac::Scale scales[V];
    each<V>([&](auto v) { scales[v] = Mac::scale(args, block.output + v * Mac::kLanes, block.span); });
    each<R>([&](auto r) {
      const int64_t row = block.row + r;
      const auto row_scale = Mac::row_scale(args, row, block.span);
      float* out = args.out + row * args.out_stride + block.output;
      each<V>([&](auto v) {
        Mac::template finish<kFirst, kWhole>(sums[r][v], scales[v], row_scale,
                                             block.columns - v * Mac::kLanes, out + v * Mac::kLanes);
      });
    });
  };
  const bool whole = block.columns >= V * Mac::kLanes;
  if (block.span == 0) {
    return whole ? finish.template operator()<true, true>() : finish.template operator()<true, false>();
  }
  if constexpr (Mac::kSpanGroups < kNoSpans) {
    return whole ? finish.template operator()<false, true>() : finish.template operator()<false, false>();
  }
}

template <int64_t R, int64_t V>
inline void block_product(const MultiplyReducedArgs& args, const Block& block) {
  if (block.fetch == nullptr) return block_product<R, V, 0>(args, block);
  if (block.lines == 1) return block_product<R, V, 1>(args, block);
  if (block.lines == 2) return block_product<R, V, 2>(args, block);
  block_product<R, V, 4>(args, block);
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
  const int64_t group_bytes = Mac::kGroup * int64_t{sizeof(typename Mac::Number)};
  for (int64_t first = 0; first < args.outputs; first += kWidth) {
    const std::byte* panel = args.panels + first / kWidth * panel_bytes;
    const auto next = first + kWidth < args.outputs
                          ? std::span(panel + panel_bytes, static_cast<size_t>(panel_bytes))
                          : args.next;
    PanelFetch fetched(next, args.groups, divide_up(args.rows, kRows));
    for (int64_t row = 0; row < args.rows; row += kRows) {
      const std::byte* x = args.x + row * args.groups * group_bytes;
      const std::byte* fetch = fetched.take_block();
      for (int64_t span = 0, group = 0; group < args.groups; ++span, group += Mac::kSpanGroups) {
        const Block block{x + group * group_bytes,
                          row,
                          panel + group * kStepBytes,
                          fetch == nullptr ? nullptr : fetch + group * fetched.lines() * kLineBytes,
                          fetched.lines(),
                          span,
                          std::min(args.groups - group, Mac::kSpanGroups),
                          first,
                          std::min(kWidth, args.outputs - first)};
        some_rows_product(std::min(kRows, args.rows - row), args, block);
      }
    }
  }
}

}  // namespace
}  // namespace headwise::kernels
