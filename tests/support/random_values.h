// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Seeded numbers for tests and benchmarks.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace headwise {

inline std::vector<float> random_values(int64_t count, uint64_t seed, float deviation = 1.0f) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace headwise
