// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/bits/arithmetic.h"

#include <gnu/libc-version.h>
#include <omp.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>
#include <vector>

namespace headwise::golden {
namespace {

using dnnl::memory;

// Rows, outputs, inputs: matrices of the default model and of the tiny ones, whole and a head's part.
struct Shape {
  int64_t rows;
  int64_t outputs;
  int64_t inputs;
};
constexpr Shape kShapes[] = {{64, 576, 576}, {64, 1536, 576}, {64, 576, 1536}, {64, 64, 576}, {16, 576, 576},
                             {48, 64, 576},  {64, 64, 64},    {64, 96, 64},    {64, 64, 96},  {16, 16, 64},
                             {64, 16, 64},   {64, 32, 64},    {64, 64, 128}};

// Numbers in [-1, 1) from Knuth's linear congruential generator (MMIX).
std::vector<float> made_up(size_t count, uint64_t state) {
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<float>(static_cast<int64_t>(state >> 40) - (1 << 23)) / (1 << 23);
  }
  return values;
}

dnnl::matmul::primitive_desc describe(const dnnl::engine& cpu, const memory::desc& x,
                                      const memory::desc& weights, const memory::desc& out) {
#if DNNL_VERSION_MAJOR >= 3
  return {cpu, x, weights, out};
#else
  return {dnnl::matmul::desc(x, weights, out), cpu};
#endif
}

// Which code multiplied, and the hash of x W^T.
std::string product(const Shape& shape) {
  const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(cpu);
  const auto [rows, outputs, inputs] = shape;
  constexpr auto kFloat = memory::data_type::f32;
  const memory::desc x_layout({rows, inputs}, kFloat, memory::format_tag::ab);
  const memory::desc out_layout({rows, outputs}, kFloat, memory::format_tag::ab);
  const memory::desc stored({inputs, outputs}, kFloat, memory::format_tag::ba);
  const auto description =
      describe(cpu, x_layout, memory::desc({inputs, outputs}, kFloat, memory::format_tag::any), out_layout);
  std::vector<float> x = made_up(static_cast<size_t>(rows * inputs), 1);
  std::vector<float> weights = made_up(static_cast<size_t>(inputs * outputs), 2);
  std::vector<float> out(static_cast<size_t>(rows * outputs));
  memory source(x_layout, cpu, x.data());
  memory plain(stored, cpu, weights.data());
  memory packed(description.weights_desc(), cpu);
  memory target(out_layout, cpu, out.data());
  dnnl::reorder(plain, packed).execute(stream, plain, packed);
  dnnl::matmul(description)
      .execute(stream, {{DNNL_ARG_SRC, source}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, target}});
  stream.wait();
  return std::string(description.impl_info_str()) + " " + hash_of(out.data(), out.size() * sizeof(float));
}

template <typename T>
std::string functions() {
  std::vector<T> values;
  for (const float place : made_up(4096, 3)) {
    const T x = static_cast<T>(place) * 20;
    for (const T value : {std::exp(x), std::sin(x), std::cos(x), std::log(std::abs(x)),
                          std::pow(std::abs(x), static_cast<T>(0.37)), std::tanh(x)}) {
      values.push_back(value);
    }
  }
  return hash_of(values.data(), values.size() * sizeof(T));
}

// What /proc/cpuinfo says of the first processor.
std::string processor_line(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    return line.substr(std::min(colon + 2, line.size()));
  }
  return "unknown";
}

std::string compiler() {
#if defined(__clang__)
  return "clang " + std::to_string(__clang_major__);
#else
  return "gcc " + std::to_string(__GNUC__);
#endif
}

}  // namespace

std::string hash_of(const void* bytes, size_t count) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; ++i) {
    hash = (hash ^ static_cast<const unsigned char*>(bytes)[i]) * 0x100000001b3;
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

Facts machine() {
  const dnnl_version_t& onednn = *dnnl_version();
  return {{"processor", processor_line("vendor_id") + " family " + processor_line("cpu family") + " model " +
                            processor_line("model")},
          {"caches", std::to_string(sysconf(_SC_LEVEL1_DCACHE_SIZE)) + " " +
                         std::to_string(sysconf(_SC_LEVEL2_CACHE_SIZE)) + " " +
                         std::to_string(sysconf(_SC_LEVEL3_CACHE_SIZE))},
          {"onednn", std::to_string(onednn.major) + "." + std::to_string(onednn.minor) + "." +
                         std::to_string(onednn.patch) + " " + onednn.hash},
          {"c_library", gnu_get_libc_version()}};
}

Facts arithmetic() {
  Facts facts{{"compiler", compiler()}, {"functions", functions<float>() + " " + functions<double>()}};
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);  // as in the engine: oneDNN shares no product out
  for (const Shape& shape : kShapes) {
    facts["product " + std::to_string(shape.rows) + " x " + std::to_string(shape.outputs) + " x " +
          std::to_string(shape.inputs)] = product(shape);
  }
  omp_set_num_threads(threads);
  return facts;
}

bool runs_here(const std::string& set, std::string& missing) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const auto need = [&](bool has, const char* name) {
    if (!has) missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  if (set != "scalar") {
    need(__builtin_cpu_supports("avx2"), "AVX2");
    need(__builtin_cpu_supports("fma"), "FMA");
  }
  if (set == "avx512") {
    need(__builtin_cpu_supports("avx512f"), "AVX512F");
    need(__builtin_cpu_supports("avx512bw"), "AVX512BW");
    need(__builtin_cpu_supports("avx512dq"), "AVX512DQ");
    need(__builtin_cpu_supports("avx512vl"), "AVX512VL");
  }
#else
  if (set != "scalar") missing = "an x86-64 processor";
#endif
  return missing.empty();
}

}  // namespace headwise::golden
