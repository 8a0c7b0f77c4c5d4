// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Seeded test data and the kernel tables to run it through.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace headwise::kernels {

inline std::vector<float> random_values(int64_t count, uint64_t seed, float deviation = 1.0f) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

inline const KernelTable* definition_table() { return available_kernels().front(); }

// Every table but the definition (which is first).
inline std::vector<const KernelTable*> vector_tables() {
  std::vector<const KernelTable*> tables = available_kernels();
  tables.erase(tables.begin());
  return tables;
}

}  // namespace headwise::kernels
