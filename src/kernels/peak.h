// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the machine's bounds, measured: how many fp32 multiply-adds a second its cores can do,
// and how fast they read and write memory. Every speed that we print stands beside these.
//
// Thread rule: free functions that start and join their own threads; run nothing else meanwhile.
#pragma once

#include <string_view>

namespace headwise::kernels {

struct MachinePeak {
  double gflops = 0.0;  // fp32, a multiply-add counts 2; all `threads` together, best of the trials
  std::string_view
      instruction_set;  // "avx512", "avx2" or "scalar": the widest multiply-add of this processor
};

// Independent chains of multiply-adds that stay in registers, for about `seconds` in all. No program is
// faster.
MachinePeak measure_fma_peak(int threads, double seconds);

// a[i] = b[i] + s * c[i] over arrays that no cache holds (McCalpin's STREAM triad), GB/s counted as STREAM
// counts: three times the array. Best of the trials; takes `megabytes` in all.
double measure_triad(int threads, int megabytes, int trials);

}  // namespace headwise::kernels
