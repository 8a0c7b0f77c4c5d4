// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The operations for avx2. CMake gives this one file the compiler flags; nothing else may be compiled with
// them.
// clang-format off
#include "kernels/vec_avx2.h"
#include "kernels/vector_table-inl.h"
// clang-format on

namespace headwise::kernels {

constinit const KernelTable kAvx2Kernels = vector_table("avx2");

}  // namespace headwise::kernels
