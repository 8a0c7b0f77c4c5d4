// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The tables that the build holds; dispatch.cc chooses among them.
#pragma once

#include "kernels/kernels.h"

namespace headwise::kernels {

extern const KernelTable kScalarKernels;
void dequantize_plain(DType dtype, const std::byte* stored, int64_t values, float* out);
void decode_keys_plain(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
void decode_values_plain(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
void dequantize_avx2(DType dtype, const std::byte* stored, int64_t values, float* out);
#endif

}  // namespace headwise::kernels
