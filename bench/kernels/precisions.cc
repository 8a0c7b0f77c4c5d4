// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The linear layers' products of every precision, one thread, a tile of 64 rows, shapes of SmolLM2-135M and
// Qwen3-0.6B: operations a second beside fp32's and beside the peak of the instruction, measured in the same
// run with sums that never leave their registers.
//
//   headwise_bench_precisions [rounds]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/linear.h"
#include "kernels/peak.h"
#include "measure.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace headwise::bench {
namespace {

using kernels::has_products;
using kernels::KernelTable;
using kernels::kRowTile;
using kernels::Linear;
using kernels::LinearType;
using kernels::PackedLinear;
using kernels::PreparedMemory;

struct Type {
  LinearType type;
  const char* word;
};
constexpr Type kTypes[] = {
    {LinearType::kFloat32, "fp32"}, {LinearType::kBfloat16, "bf16"}, {LinearType::kInt8, "int8"}};

struct Shape {
  const char* model;
  int64_t outputs;
  int64_t inputs;
  int64_t in_a_layer;
};
constexpr Shape kShapes[] = {{"SmolLM2-135M", 64, 576, 15},  {"SmolLM2-135M", 576, 576, 1},
                             {"SmolLM2-135M", 1536, 576, 2}, {"SmolLM2-135M", 576, 1536, 1},
                             {"Qwen3-0.6B", 128, 1024, 32},  {"Qwen3-0.6B", 1024, 2048, 1},
                             {"Qwen3-0.6B", 3072, 1024, 2},  {"Qwen3-0.6B", 1024, 3072, 1}};

constexpr int64_t kPeakRounds = 1 << 20;
constexpr int kPeakTrials = 12;

#if defined(__x86_64__)
// Twelve chains, as src/kernels/peak.cc has them. The assembly is what keeps them in registers.
#define HW_TWELVE(step) \
  step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) step(11)
#define HW_STEP(n) asm volatile("vdpbf16ps %%zmm30, %%zmm31, %%zmm" #n ::: "xmm" #n);
void bf16_chains() { HW_TWELVE(HW_STEP) }
#undef HW_STEP
#define HW_STEP(n) asm volatile("vpdpbusd %%zmm30, %%zmm31, %%zmm" #n ::: "xmm" #n);
void int8_chains() { HW_TWELVE(HW_STEP) }
#undef HW_STEP
// As src/kernels/int8_avx2.cc multiplies: a product of pairs, and what adds it.
#define HW_STEP(n)                                                                              \
  asm volatile("vpmaddwd %%ymm15, %%ymm14, %%ymm13\n\tvpaddd %%ymm13, %%ymm" #n ", %%ymm" #n :: \
                   : "xmm" #n, "xmm13");
void int8_avx2_chains() { HW_TWELVE(HW_STEP) }
#undef HW_STEP
// Tiles of 16 rows, lines and columns: four of sums, as src/kernels/tiles_amx.cc has them.
#define HW_FOUR(step) step(0) step(1) step(2) step(3)
#define HW_STEP(n) asm volatile("tdpbf16ps %%tmm6, %%tmm4, %%tmm" #n ::: "memory");
void bf16_tiles() { HW_FOUR(HW_STEP) HW_FOUR(HW_STEP) HW_FOUR(HW_STEP) }
#undef HW_STEP
#define HW_STEP(n) asm volatile("tdpbusd %%tmm6, %%tmm4, %%tmm" #n ::: "memory");
void int8_tiles() { HW_FOUR(HW_STEP) HW_FOUR(HW_STEP) HW_FOUR(HW_STEP) }
#undef HW_STEP

void shape_tiles() {
  alignas(64) uint8_t shapes[64] = {1};
  for (int tile = 0; tile < 8; ++tile) {
    shapes[16 + 2 * tile] = 64;
    shapes[48 + tile] = 16;
  }
  asm volatile("ldtilecfg %0" : : "m"(shapes));
}

struct Instruction {
  const char* word;
  double operations;  // of one; a multiply-add counts two
  bool there;
  void (*twelve)();
};

double peak_of(const Instruction& instruction) {
  double best = 1e9;
  for (int trial = 0; trial < kPeakTrials; ++trial) {
    best = std::min(best, timed([&] {
                      for (int64_t i = 0; i < kPeakRounds; ++i) instruction.twelve();
                    }));
  }
  return 12.0 * static_cast<double>(kPeakRounds) * instruction.operations / best;
}
#endif

// Operations a second of one thread, in registers alone; what the processor lacks is left out.
void print_peaks() {
  std::printf("\"fp32\": %.1f", kernels::measure_fma_peak(1, 0.3).gflops);
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool tiles = kernels::available_kernels().back()->name == "amx";
  if (tiles) shape_tiles();
  const Instruction instructions[] = {
      {"bf16_tiles", 16384.0, tiles, bf16_tiles},
      {"int8_tiles", 32768.0, tiles, int8_tiles},
      {"bf16", 64.0, __builtin_cpu_supports("avx512bf16") != 0, bf16_chains},
      {"int8", 128.0, __builtin_cpu_supports("avx512vnni") != 0, int8_chains},
      {"int8_avx2", 32.0, __builtin_cpu_supports("avx2") != 0, int8_avx2_chains}};
  for (const Instruction& instruction : instructions) {
    if (!instruction.there) continue;
    std::printf(", \"%s\": %.1f", instruction.word, peak_of(instruction) * 1e-9);
  }
  if (tiles) asm volatile("tilerelease");
#endif
}

struct Times {
  double multiply;
  double prepare;
};

Times time_product(const Linear& linear, LinearType type, const Shape& shape, int rounds) {
  constexpr int kMatrices = 8;  // beyond the first two caches, as a layer's are
  const std::vector<float> weights = some_values(shape.outputs * shape.inputs);
  const std::vector<float> x = some_values(kRowTile * shape.inputs);
  std::vector<PackedLinear> packed(kMatrices);
  for (PackedLinear& matrix : packed) {
    linear.pack(weights.data(), shape.outputs, shape.inputs, type, matrix);
  }
  std::vector<float> out(static_cast<size_t>(kRowTile * shape.outputs));
  PreparedMemory memory;
  std::vector<double> multiply, prepare;
  for (int round = 0; round < rounds; ++round) {
    prepare.push_back(timed([&] { linear.prepare(x.data(), kRowTile, shape.inputs, type, memory); }));
    const auto rows = linear.prepare(x.data(), kRowTile, shape.inputs, type, memory);
    multiply.push_back(timed([&] {
                         for (const PackedLinear& matrix : packed) linear.multiply(rows, matrix, out.data());
                       }) /
                       kMatrices);
  }
  return {median_seconds(multiply), median_seconds(prepare)};
}

int run(int rounds) {
  print_machine(kernels::available_kernels().back()->name, 1);
  std::printf(", \"rows\": %lld, \"peak_gop_per_s\": {", static_cast<long long>(kRowTile));
  print_peaks();
  std::printf("}, \"products\": [");
  bool first = true;
  for (const KernelTable* table : kernels::available_kernels()) {
    if (table->name == "scalar") continue;
    const Linear linear(*table);
    for (const Shape& shape : kShapes) {
      double exact = 0.0;
      for (const Type& type : kTypes) {
        if (!has_products(*table, type.type)) continue;
        const Times times = time_product(linear, type.type, shape, rounds);
        if (type.type == LinearType::kFloat32) exact = times.multiply;
        const double operations = 2.0 * static_cast<double>(kRowTile * shape.outputs * shape.inputs);
        std::printf(
            "%s\n {\"kernels\": \"%s\", \"model\": \"%s\", \"outputs\": %lld, \"inputs\": %lld, "
            "\"in_a_layer\": %lld, \"precision\": \"%s\", \"gop_per_s\": %.1f, \"times_fp32\": %.2f, "
            "\"prepare_us\": %.1f}",
            first ? "" : ",", std::string(table->name).c_str(), shape.model,
            static_cast<long long>(shape.outputs), static_cast<long long>(shape.inputs),
            static_cast<long long>(shape.in_a_layer), type.word, operations / times.multiply * 1e-9,
            exact / times.multiply, times.prepare * 1e6);
        first = false;
      }
    }
  }
  std::printf("\n]}\n");
  return 0;
}

}  // namespace
}  // namespace headwise::bench

int main(int argc, char** argv) { return headwise::bench::run(argc > 1 ? std::atoi(argv[1]) : 15); }
