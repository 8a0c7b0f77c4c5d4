// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Stored weights to fp32 for any processor, and the choice among the versions that the build has.
#include "kernels/dequantize.h"

#include "base/check.h"
#include "kernels/dequantize-inl.h"
#include "kernels/tables.h"

namespace headwise::kernels {

void dequantize_plain(DType dtype, const std::byte* stored, int64_t values, float* out) {
  dequantize_blocks(dtype, stored, values, out);
}

void dequantize(DType dtype, const std::byte* stored, int64_t values, float* out) {
  HW_CHECK(values % dtype_traits(dtype).block_values == 0);
  if (values == 0) return;
  kernels_or_definition().dequantize(dtype, stored, values, out);
}

}  // namespace headwise::kernels
