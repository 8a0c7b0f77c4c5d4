// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the kernel benchmarks share: seeded numbers, medians of timed rounds, and the line
// that says on what machine, by what compiler and with which instruction set a figure was taken.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/stopwatch.h"

namespace headwise::bench {

inline std::vector<float> some_values(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1u << 24) - 0.5f;
  }
  return values;
}

template <typename Work>
double timed(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return seconds_since(start);
}

inline double median_seconds(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

inline std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

// The first members of every benchmark's JSON, without the closing brace.
inline void print_machine(std::string_view instruction_set, int threads) {
  std::printf("{\"machine\": \"%s\", \"compiler\": \"%s\", \"instruction_set\": \"%.*s\", \"threads\": %d",
              processor_name().c_str(), __VERSION__, static_cast<int>(instruction_set.size()),
              instruction_set.data(), threads);
}

}  // namespace headwise::bench
