// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The tables that the build holds; dispatch.cc chooses among them.
#pragma once

#include "kernels/kernels.h"

namespace headwise::kernels {

extern const KernelTable kScalarKernels;
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
#endif

}  // namespace headwise::kernels
