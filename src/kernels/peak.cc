// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Why target attributes and not files with their own flags: three small loops, and the dispatch beside them.
#include "kernels/peak.h"

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/stopwatch.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace headwise::kernels {
namespace {

using Clock = std::chrono::steady_clock;

// Two units with a latency of four cycles keep 8 chains busy; 12 leave room and fit 16 registers.
constexpr int kChains = 12;
// x = x * kFactor + kAddend stays near 1: no overflow, no denormals, which would be slower.
constexpr float kFactor = 0.5F, kAddend = 0.5F;

// Each loop does `rounds` * kChains multiply-adds of its vector width and returns a value made of all of
// them.
using Loop = float (*)(int64_t rounds);

float scalar_loop(int64_t rounds) {
  std::array<float, kChains> x{};
  for (int64_t round = 0; round < rounds; ++round) {
    for (float& chain : x) chain = chain * kFactor + kAddend;
  }
  float sum = 0.0F;
  for (const float chain : x) sum += chain;
  return sum;
}

#if defined(__x86_64__)
// The empty assembly keeps the compiler from merging the chains, which are all alike; unrolling keeps them in
// registers.
__attribute__((target("avx2,fma"))) float avx2_loop(int64_t rounds) {
  const __m256 factor = _mm256_set1_ps(kFactor), addend = _mm256_set1_ps(kAddend);
  __m256 x[kChains];
#pragma GCC unroll 12
  for (__m256& chain : x) {
    chain = _mm256_setzero_ps();
    asm volatile("" : "+x"(chain));
  }
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m256& chain : x) chain = _mm256_fmadd_ps(chain, factor, addend);
  }
  __m256 sum = _mm256_setzero_ps();
#pragma GCC unroll 12
  for (const __m256& chain : x) sum = _mm256_add_ps(sum, chain);
  return _mm256_cvtss_f32(sum);
}

__attribute__((target("avx512f"))) float avx512_loop(int64_t rounds) {
  const __m512 factor = _mm512_set1_ps(kFactor), addend = _mm512_set1_ps(kAddend);
  __m512 x[kChains];
#pragma GCC unroll 12
  for (__m512& chain : x) {
    chain = _mm512_setzero_ps();
    asm volatile("" : "+v"(chain));
  }
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (__m512& chain : x) chain = _mm512_fmadd_ps(chain, factor, addend);
  }
  __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 12
  for (const __m512& chain : x) sum = _mm512_add_ps(sum, chain);
  return _mm512_cvtss_f32(sum);
}
#endif

struct Level {
  std::string_view name;
  Loop loop;
  int lanes;
};

Level best_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") != 0) return {"avx512", avx512_loop, 16};
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    return {"avx2", avx2_loop, 8};
#endif
  return {"scalar", scalar_loop, 1};
}

// Runs work(thread) on all threads at once and returns the seconds from the first start to the last end.
template <typename Work>
double timed_together(int threads, const Work& work) {
  std::barrier start(threads);
  std::vector<Clock::time_point> begun(static_cast<size_t>(threads)), ended(static_cast<size_t>(threads));
  const auto body = [&](int thread) {
    start.arrive_and_wait();
    begun[static_cast<size_t>(thread)] = Clock::now();
    work(thread);
    ended[static_cast<size_t>(thread)] = Clock::now();
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(body, thread);
  body(0);
  for (std::thread& other : others) other.join();
  return std::chrono::duration<double>(*std::max_element(ended.begin(), ended.end()) -
                                       *std::min_element(begun.begin(), begun.end()))
      .count();
}

}  // namespace

MachinePeak measure_fma_peak(int threads, double seconds) {
  const Level level = best_level();
  volatile float sink = 0.0F;
  // Rounds that take about 20 ms on one thread: short enough that some trial runs undisturbed.
  int64_t rounds = 1 << 16;
  for (;;) {
    const auto begun = Clock::now();
    sink = level.loop(rounds);
    if (seconds_since(begun) > 0.02) break;
    rounds *= 2;
  }
  MachinePeak peak;
  peak.instruction_set = level.name;
  const auto begun = Clock::now();
  std::vector<float> sums(static_cast<size_t>(threads));
  do {
    const double taken =
        timed_together(threads, [&](int thread) { sums[static_cast<size_t>(thread)] = level.loop(rounds); });
    const double flops = 2.0 * level.lanes * kChains * static_cast<double>(rounds) * threads;
    peak.gflops = std::max(peak.gflops, flops / taken * 1e-9);
  } while (seconds_since(begun) < seconds);
  sink = sums.front();
  static_cast<void>(sink);
  return peak;
}

double measure_triad(int threads, int megabytes, int trials) {
  const int64_t count = static_cast<int64_t>(megabytes) * 1000000 / (3 * static_cast<int64_t>(sizeof(float)));
  AlignedBuffer<float> a(static_cast<size_t>(count)), b(static_cast<size_t>(count)),
      c(static_cast<size_t>(count));
  const auto part = [&](int thread, auto&& body) {
    const int64_t begin = count * thread / threads, end = count * (thread + 1) / threads;
    body(a.data() + begin, b.data() + begin, c.data() + begin, end - begin);
  };
  // Each thread writes its part first, so that its pages lie near its core.
  timed_together(threads, [&](int thread) {
    part(thread, [](float* to, float* first, float* second, int64_t n) {
      std::fill_n(to, n, 0.0F);
      std::fill_n(first, n, 1.0F);
      std::fill_n(second, n, 2.0F);
    });
  });
  double best = 0.0;
  for (int trial = 0; trial < trials; ++trial) {
    const float scale = 3.0F + static_cast<float>(trial);
    const double taken = timed_together(threads, [&](int thread) {
      part(thread, [scale](float* __restrict to, const float* __restrict first,
                           const float* __restrict second, int64_t n) {
        for (int64_t i = 0; i < n; ++i) to[i] = first[i] + scale * second[i];
      });
    });
    best = std::max(best, 3.0 * sizeof(float) * static_cast<double>(count) / taken * 1e-9);
  }
  volatile float sink = a[static_cast<size_t>(count) / 2];
  static_cast<void>(sink);
  return best;
}

}  // namespace headwise::kernels
