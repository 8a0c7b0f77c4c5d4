// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How a product of packed weights asks for the panel that is multiplied after its own: a few lines beside
// each step of as many blocks of rows as there are, since memory is slower than one block.
#pragma once

#include <cstdint>

namespace headwise::kernels {
namespace {

inline constexpr int64_t kLineBytes = 64;

// Asks for bytes that are soon read: the processor's own guesses end with each page.
inline void fetch(const void* begin, int64_t bytes) {
  const char* at = static_cast<const char*>(begin);
  for (int64_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(at + i, 0, 2);
}

// Lines that each step fetches, where a step's share of a panel is `all` of them and there are so many blocks
// of rows: one, two or all.
constexpr int64_t lines_of_a_step(int64_t blocks, int64_t all) {
  if (blocks >= all) return 1;
  return blocks * 2 >= all ? 2 : all;
}

}  // namespace
}  // namespace headwise::kernels
