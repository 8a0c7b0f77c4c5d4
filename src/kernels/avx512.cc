// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The operations for avx512. CMake gives this one file the compiler flags; nothing else may be compiled with
// them.
#include "kernels/tables.h"
#include "kernels/vec_avx512.h"
// Bodies written over the vector type above.
// clang-format off
#include "kernels/elementwise-inl.h"
#include "kernels/attention-inl.h"
#include "kernels/rows-inl.h"
// clang-format on

namespace headwise::kernels {

const KernelTable kAvx512Kernels{"avx512",        rms_norm,    rotate,       silu_multiply, add,
                                 add_scaled,      attend,      read,         multiply_rows, add_low_rank,
                                 dequantize_avx2, decode_keys, decode_values};

}  // namespace headwise::kernels
