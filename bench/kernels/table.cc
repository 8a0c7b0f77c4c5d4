// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the speed of the kernel table's operations in the shapes of SmolLM2-135M, every table of
// this processor beside the machine's bounds measured in the same run: attention and read-out over a long
// prompt's keys, norm, rotary, gate and addition over arrays that no cache holds, products of a few rows with
// weights that no cache holds. JSON on stdout; "of_bound" is the share of the speed that multiply-adds or
// memory allow, whichever is less. Linear layers are in linear.cc.
//
//   headwise_bench_kernels [threads] [rounds]
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"
#include "measure.h"

namespace headwise::bench {
namespace {

using kernels::KernelTable;
using kernels::kKeyTile;

constexpr int64_t kQueryTile = 24;
constexpr int64_t kHeadWidth = 64;
constexpr int64_t kWidth = 576;
constexpr int64_t kFfn = 1536;
constexpr int64_t kKeys = 1728;           // 27 tiles: a prompt of twenty passages
constexpr int64_t kStreamed = 8'000'000;  // floats of an array for elementwise operations: 32 MB
constexpr int64_t kWeightMatrices = 16;   // of [kFfn, kWidth]: 57 MB
constexpr double kShortestRound = 5e-3;   // seconds

// One thread's memory, large enough for every operation.
struct Buffers {
  std::vector<float> x = some_values(kStreamed);
  std::vector<float> y = some_values(kStreamed);
  std::vector<float> weights = some_values(kWeightMatrices * kFfn * kWidth);
  std::vector<float> keys = some_values(kKeys * kHeadWidth);
  std::vector<float> values = some_values(kKeys * kHeadWidth);
  std::vector<float> queries = some_values(kQueryTile * kHeadWidth);
  std::vector<float> out = std::vector<float>(static_cast<size_t>(kQueryTile * kFfn));
  std::vector<float> sums = std::vector<float>(static_cast<size_t>(kKeys));
  std::vector<float> scratch = std::vector<float>(static_cast<size_t>(
      std::max(kernels::attend_scratch(kHeadWidth), kernels::read_scratch(kHeadWidth, kKeys))));
};

struct Operation {
  std::string name;
  std::string shape;
  double flops = 0.0;  // of one call
  double bytes = 0.0;  // that one call must move between processor and memory
  std::function<void(const KernelTable&, Buffers&)> call;
};

kernels::KeyBlock block_of(const Buffers& b, int64_t first, int64_t count) {
  kernels::KeyBlock block;
  block.keys = b.keys.data() + first * kHeadWidth;
  block.values = b.values.data() + first * kHeadWidth;
  block.count = count;
  block.place = first;
  return block;
}

// Rows behind all keys: every row sees the context, and of the last tile what stands before it.
Operation attend() {
  const double pairs = static_cast<double>(kQueryTile * kKeys);
  return {"attend", "24 rows, 1728 keys, D 64", 4.0 * kHeadWidth * pairs,
          4.0 * (2 * kKeys + 2 * kQueryTile) * kHeadWidth, [](const KernelTable& table, Buffers& b) {
            const kernels::KeyBlock keys = block_of(b, 0, kKeys - kKeyTile);
            kernels::AttendArgs args;
            args.queries = b.queries.data();
            args.head_width = kHeadWidth;
            args.shared = {&keys, 1};
            const kernels::QueryRows rows{kQueryTile, 0, {}, block_of(b, kKeys - kKeyTile, kQueryTile)};
            args.parts = {&rows, 1};
            args.out = b.out.data();
            args.scratch = b.scratch.data();
            table.attend(args);
          }};
}

Operation read() {
  const double pairs = static_cast<double>(kQueryTile * kKeys);
  return {"read", "24 rows, 1728 keys, D 64", 2.0 * kHeadWidth * pairs,
          4.0 * (kKeys * kHeadWidth + 2 * kKeys + kQueryTile * kHeadWidth),
          [](const KernelTable& table, Buffers& b) {
            const kernels::KeyBlock keys = block_of(b, 0, kKeys - kKeyTile);
            kernels::ReadArgs args;
            args.queries = b.queries.data();
            args.query_stride = args.head_width = kHeadWidth;
            args.rows = kQueryTile;
            args.visible = {{&keys, 1}, block_of(b, kKeys - kKeyTile, kQueryTile), 0};
            args.attention_sum = b.sums.data();
            args.scratch = b.scratch.data();
            table.read(args);
          }};
}

Operation rms_norm() {
  constexpr int64_t kRows = kStreamed / kWidth;
  return {"rms_norm", std::to_string(kRows) + " rows of 576", 4.0 * kRows * kWidth, 8.0 * kRows * kWidth,
          [](const KernelTable& table, Buffers& b) {
            for (int64_t row = 0; row < kRows; ++row) {
              table.rms_norm(b.x.data() + row * kWidth, b.weights.data(), kWidth, 1e-5f,
                             b.y.data() + row * kWidth);
            }
          }};
}

Operation rotate() {
  constexpr int64_t kRows = kStreamed / kHeadWidth;
  return {"rotate", std::to_string(kRows) + " rows of 64", 4.0 * kRows * kHeadWidth, 8.0 * kRows * kHeadWidth,
          [](const KernelTable& table, Buffers& b) {
            // A rotation by 60 degrees, so that the numbers keep their size.
            const std::vector<float> cos(kHeadWidth / 2, 0.5f), sin(kHeadWidth / 2, std::sqrt(0.75f));
            for (int64_t row = 0; row < kRows; ++row) {
              table.rotate(b.x.data() + row * kHeadWidth, cos.data(), sin.data(), kHeadWidth, 1.0f);
            }
          }};
}

// The gate's exponential is counted as the eleven multiply-adds of its polynomial.
Operation silu_multiply() {
  constexpr int64_t kRows = kStreamed / kFfn;
  return {"silu_multiply", std::to_string(kRows) + " rows of 1536", 26.0 * kRows * kFfn, 8.0 * kRows * kFfn,
          [](const KernelTable& table, Buffers& b) {
            for (int64_t row = 0; row < kRows; ++row) {
              // In place it would shrink its input until numbers lose their speed.
              std::copy_n(b.x.data() + row * kFfn, kFfn, b.out.data());
              table.silu_multiply(b.out.data(), b.y.data() + row * kFfn, kFfn);
            }
          }};
}

Operation add() {
  return {"add", std::to_string(kStreamed) + " values", 1.0 * kStreamed, 12.0 * kStreamed,
          [](const KernelTable& table, Buffers& b) { table.add(b.x.data(), b.y.data(), kStreamed); }};
}

Operation multiply_rows(int64_t rows) {
  return {"multiply_rows", std::to_string(rows) + " x 576 by [1536, 576], 16 matrices",
          2.0 * static_cast<double>(kWeightMatrices * rows * kFfn * kWidth),
          4.0 * kWeightMatrices * kFfn * kWidth, [rows](const KernelTable& table, Buffers& b) {
            for (int64_t matrix = 0; matrix < kWeightMatrices; ++matrix) {
              table.multiply_rows({b.keys.data(), kWidth, rows, b.weights.data() + matrix * kFfn * kWidth,
                                   kFfn, kWidth, b.out.data(), kFfn});
            }
          }};
}

// Median seconds of one call on every thread at once.
double seconds_of(const Operation& operation, const KernelTable& table, ThreadPool& pool,
                  std::vector<Buffers>& buffers, int rounds) {
  int64_t calls = 1;
  const auto run = [&] {
    pool.parallel_for(static_cast<int64_t>(buffers.size()), [&](int64_t part, int) {
      for (int64_t i = 0; i < calls; ++i) operation.call(table, buffers[static_cast<size_t>(part)]);
    });
  };
  while (timed(run) < kShortestRound) calls *= 2;
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) seconds.push_back(timed(run) / static_cast<double>(calls));
  return median_seconds(seconds);
}

int run(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 15;
  if (threads < 1 || rounds < 1) {
    std::fprintf(stderr, "headwise_bench_kernels [threads] [rounds], both at least 1\n");
    return 2;
  }
  const kernels::MachinePeak peak = kernels::measure_fma_peak(threads, 0.5);
  const double bandwidth = kernels::measure_triad(threads, 600, 5);
  ThreadPool pool(threads);
  std::vector<Buffers> buffers(static_cast<size_t>(threads));
  const Operation operations[] = {
      attend(), read(),           rms_norm(),       rotate(),         silu_multiply(),
      add(),    multiply_rows(1), multiply_rows(4), multiply_rows(9), multiply_rows(24)};
  print_machine(peak.instruction_set, threads);
  std::printf(",\n \"peak_gflops\": %.1f, \"triad_gb_per_s\": %.1f, \"operations\": [", peak.gflops,
              bandwidth);
  const char* between = "";
  for (const kernels::KernelTable* table : kernels::available_kernels()) {
    for (const Operation& operation : operations) {
      const double seconds = seconds_of(operation, *table, pool, buffers, rounds);
      const double gflops = threads * operation.flops / seconds * 1e-9;
      const double gigabytes = threads * operation.bytes / seconds * 1e-9;
      std::printf(
          "%s\n  {\"table\": \"%s\", \"name\": \"%s\", \"shape\": \"%s\", \"us\": %.2f, \"gflops\": %.2f, "
          "\"gb_per_s\": %.2f, \"of_bound\": %.3f}",
          between, std::string(table->name).c_str(), operation.name.c_str(), operation.shape.c_str(),
          seconds * 1e6, gflops, gigabytes, std::max(gflops / peak.gflops, gigabytes / bandwidth));
      std::fflush(stdout);
      between = ",";
    }
  }
  std::printf("]}\n");
  return 0;
}

}  // namespace
}  // namespace headwise::bench

int main(int argc, char** argv) { return headwise::bench::run(argc, argv); }
