// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/bits/arithmetic.h"

#include <gnu/libc-version.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <vector>

namespace headwise::golden {
namespace {

// Numbers in [-1, 1) from Knuth's linear congruential generator (MMIX).
std::vector<float> made_up(size_t count, uint64_t state) {
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<float>(static_cast<int64_t>(state >> 40) - (1 << 23)) / (1 << 23);
  }
  return values;
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
  return {{"processor", processor_line("vendor_id") + " family " + processor_line("cpu family") + " model " +
                            processor_line("model")},
          {"c_library", gnu_get_libc_version()}};
}

Facts arithmetic() {
  return {{"compiler", compiler()}, {"functions", functions<float>() + " " + functions<double>()}};
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
