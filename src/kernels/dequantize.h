// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Stored weights to fp32, exactly as ggml defines each block format. One definition, no approximate variants:
// the same file gives the same floats on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/tensor.h"

namespace headwise::kernels {

// `values` must be a multiple of the type's block; `stored` need not be aligned.
void dequantize(DType dtype, const std::byte* stored, int64_t values, float* out);

}  // namespace headwise::kernels
