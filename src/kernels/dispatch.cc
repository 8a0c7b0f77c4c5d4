// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Which table runs: decided once, best first, or forced by HEADWISE_ISA.
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <string>

#include "kernels/tables.h"

namespace headwise::kernels {
namespace {

struct Level {
  const KernelTable* table;
  bool runs_here;
};

#if defined(__x86_64__)
// Clang 14's __builtin_cpu_supports does not know it.
bool has_f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

#if defined(__x86_64__)
// With the products that only some processors with AVX-512 have.
const KernelTable& avx512_kernels() {
  static const ReducedProducts bf16 = [] {
    ReducedProducts made = kAvx512Bfloat16;
    // Zen 4 has twice the rate of fp32's multiply-adds, Sapphire Rapids half of it.
    made.faster = __builtin_cpu_is("amd") != 0;
    return made;
  }();
  static const KernelTable table = [] {
    KernelTable made = kAvx512Kernels;
    if (__builtin_cpu_supports("avx512vnni") != 0) made.int8 = &kVnniInt8;
    if (__builtin_cpu_supports("avx512bf16") != 0) made.bf16 = &bf16;
    return made;
  }();
  return table;
}

// The same with products in tiles.
const KernelTable& amx_kernels() {
  static const ReducedProducts bf16 = [] {
    ReducedProducts made = kAvx512Bfloat16;
    made.multiply = multiply_tiles_bfloat16;
    made.definition = &kScalarTilesBfloat16;
    return made;
  }();
  static const ReducedProducts int8 = [] {
    ReducedProducts made = kVnniInt8;
    made.multiply = multiply_tiles_int8;
    return made;
  }();
  static const KernelTable table = [] {
    KernelTable made = avx512_kernels();
    made.name = "amx";
    made.bf16 = &bf16;
    made.int8 = &int8;
    return made;
  }();
  return table;
}

// Tiles, their products of both types, and that the system saves them: Linux wants to be asked, once for all
// threads, because a signal's frame grows by 8 KiB.
bool has_amx() {
#if defined(__linux__)
  constexpr unsigned kBfloat16 = 1U << 22, kTiles = 1U << 24, kInt8 = 1U << 25;
  constexpr unsigned kAll = kBfloat16 | kTiles | kInt8;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kAll) != kAll) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool allowed = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return allowed;
#else
  return false;
#endif
}
#endif

std::vector<Level> levels() {
  std::vector<Level> all{{&kScalarKernels, true}};
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 && has_f16c();
  all.push_back({&kAvx2Kernels, avx2});
  // Every extension that CMakeLists.txt compiles avx512.cc with: some processors have the first alone.
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                      __builtin_cpu_supports("avx512bw") != 0;
  all.push_back({&avx512_kernels(), avx512});
  const bool amx = avx512 && __builtin_cpu_supports("avx512vnni") != 0 &&
                   __builtin_cpu_supports("avx512bf16") != 0 && has_amx();
  all.push_back({&amx_kernels(), amx});
#endif
  return all;
}

Result<const KernelTable*> select() {
  const std::vector<Level> all = levels();
  const char* forced = std::getenv("HEADWISE_ISA");
  std::string known;
  const KernelTable* best = nullptr;
  for (const Level& level : all) {
    known += (known.empty() ? "" : ", ") + std::string(level.table->name);
    if (level.runs_here) best = level.table;
    if (forced != nullptr && level.table->name == forced) {
      if (level.runs_here) return level.table;
      return fail(ErrorCode::kUsage, "HEADWISE_ISA is '" + std::string(forced) +
                                         "', which this processor cannot run; unset it to take the best one");
    }
  }
  if (forced != nullptr && *forced != '\0') {
    return fail(ErrorCode::kUsage,
                "HEADWISE_ISA is '" + std::string(forced) + "'; this build knows " + known);
  }
  return best;
}

}  // namespace

Result<const KernelTable*> select_kernels() {
  static const Result<const KernelTable*> chosen = select();
  return chosen;
}

const KernelTable& kernels_or_definition() {
  static const KernelTable& table = *select_kernels().value_or(&kScalarKernels);
  return table;
}

std::vector<const KernelTable*> available_kernels() {
  std::vector<const KernelTable*> tables;
  for (const Level& level : levels()) {
    if (level.runs_here) tables.push_back(level.table);
  }
  return tables;
}

}  // namespace headwise::kernels
