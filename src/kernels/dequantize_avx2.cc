// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Stored weights to fp32 with AVX2. CMake gives this one file the compiler flags, without FMA: a product and
// a sum are two roundings, on every processor.
#include "kernels/dequantize-inl.h"
#include "kernels/tables.h"

namespace headwise::kernels {

void dequantize_avx2(DType dtype, const std::byte* stored, int64_t values, float* out) {
  dequantize_blocks(dtype, stored, values, out);
}

}  // namespace headwise::kernels
