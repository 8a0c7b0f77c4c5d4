// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How a product of packed weights asks for the panel that is multiplied after its own: a few lines beside
// each step of its blocks of rows, since memory is slower than one block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace headwise::kernels {
namespace {

inline constexpr int64_t kLineBytes = 64;

// Asks for bytes that are soon read: the processor's own guesses end with each page.
inline void fetch(const void* begin, int64_t bytes) {
  const char* at = static_cast<const char*>(begin);
  for (int64_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(at + i, 0, 2);
}

// A panel that is fetched beside `blocks` of so many steps each.
class PanelFetch {
 public:
  PanelFetch(std::span<const std::byte> panel, int64_t steps, int64_t blocks)
      : at_(panel.data()), left_(static_cast<int64_t>(panel.size())), steps_(steps) {
    while (lines_ < kMostLines && lines_ * kLineBytes * steps * blocks < left_) lines_ *= 2;
  }

  // Lines of a step: 1, 2 or 4.
  int64_t lines() const { return lines_; }
  // Where the next block's begin; null: all is asked for.
  const std::byte* take_block() {
    if (left_ <= 0) return nullptr;
    const std::byte* from = at_;
    at_ += lines_ * kLineBytes * steps_;
    left_ -= lines_ * kLineBytes * steps_;
    return from;
  }

 private:
  static constexpr int64_t kMostLines = 4;
  const std::byte* at_;
  int64_t left_;
  int64_t steps_;
  int64_t lines_ = 1;
};

}  // namespace
}  // namespace headwise::kernels
