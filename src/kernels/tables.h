// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The tables that the build holds; dispatch.cc chooses among them.
#pragma once

#include "kernels/kernels.h"
#include "kernels/reduced.h"

namespace headwise::kernels {

extern const KernelTable kScalarKernels;
extern const ReducedProducts kScalarInt8;
extern const ReducedProducts kScalarBfloat16;
extern const ReducedProducts kScalarTilesBfloat16;  // added in the order of tiles_amx.cc
void dequantize_plain(DType dtype, const std::byte* stored, int64_t values, float* out);
void decode_keys_plain(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
void decode_values_plain(const KeyBlock& block, int64_t first, int64_t head_width, float* out);
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;  // with products that every processor with AVX-512 has
extern const ReducedProducts kAvx2Int8;
extern const ReducedProducts kVnniInt8;
extern const ReducedProducts kAvx512Bfloat16;
// Rows and panels are those of kAvx512Bfloat16 and kVnniInt8.
void multiply_tiles_bfloat16(const MultiplyReducedArgs& args);
void multiply_tiles_int8(const MultiplyReducedArgs& args);
void dequantize_avx2(DType dtype, const std::byte* stored, int64_t values, float* out);
#endif

}  // namespace headwise::kernels
