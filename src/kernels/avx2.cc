// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The operations for avx2. CMake gives this one file the compiler flags; nothing else may be compiled with
// them.
#include "kernels/tables.h"
#include "kernels/vec_avx2.h"
// Bodies written over the vector type above.
// clang-format off
#include "kernels/elementwise-inl.h"
#include "kernels/attention-inl.h"
#include "kernels/rows-inl.h"
#include "kernels/panels-inl.h"
// clang-format on

namespace headwise::kernels {

const KernelTable kAvx2Kernels{.name = "avx2",
                               .rms_norm = rms_norm,
                               .rotate = rotate,
                               .silu_multiply = silu_multiply,
                               .add = add,
                               .add_scaled = add_scaled,
                               .attend = attend,
                               .read = read,
                               .multiply_rows = multiply_rows,
                               .multiply_panels = multiply_panels,
                               .panel_width = kPanelWidth,
                               .add_low_rank = add_low_rank,
                               .dequantize = dequantize_avx2,
                               .decode_keys = decode_keys,
                               .decode_values = decode_values};

}  // namespace headwise::kernels
