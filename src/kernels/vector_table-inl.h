// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The table of an instruction set whose operations are written over `Vec`. Include a vec_*.h first.
#pragma once

#include "kernels/tables.h"
// The order counts: what is used before what uses it.
// clang-format off
#include "kernels/elementwise-inl.h"
#include "kernels/attention-inl.h"
#include "kernels/rows-inl.h"
#include "kernels/panels-inl.h"
// clang-format on

namespace headwise::kernels {
namespace {

constexpr KernelTable vector_table(std::string_view name) {
  return {.name = name,
          .rms_norm = rms_norm,
          .rotate = rotate,
          .silu_multiply = silu_multiply,
          .gelu_multiply = gelu_multiply,
          .add = add,
          .add_scaled = add_scaled,
          .attend = attend,
          .read = read,
          .multiply_rows = multiply_rows,
          .multiply_panels = multiply_panels,
          .panel_width = kPanelWidth,
          .int8 = &kAvx2Int8,  // dispatch.cc gives what a processor has beyond it
          .add_low_rank = add_low_rank,
          .dequantize = dequantize_avx2,
          .decode_keys = decode_keys,
          .decode_values = decode_values};
}

}  // namespace
}  // namespace headwise::kernels
