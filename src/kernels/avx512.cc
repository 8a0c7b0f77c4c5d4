// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The operations for avx512. CMake gives this one file the compiler flags; nothing else may be compiled with
// them.
// clang-format off
#include "kernels/vec_avx512.h"
#include "kernels/vector_table-inl.h"
// clang-format on

namespace headwise::kernels {

constinit const KernelTable kAvx512Kernels = vector_table("avx512");

}  // namespace headwise::kernels
