// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "passages/reading_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>

namespace headwise {
namespace {

// Pages of this size: little of the time goes into making them.
constexpr size_t kLargePage = size_t{2} << 20;

}  // namespace

ReadingMemory::Last::~Last() { std::free(block.data); }

void ReadingMemory::Last::give_back(Block given) {
  ::madvise(given.data, given.bytes, MADV_FREE);
  {
    const std::lock_guard lock(mutex);
    if (given.bytes > block.bytes) std::swap(given, block);
  }
  std::free(given.data);
}

std::shared_ptr<std::byte> ReadingMemory::take(size_t bytes) {
  bytes = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  Block block;
  {
    const std::lock_guard lock(last_->mutex);
    if (last_->block.bytes >= bytes) block = std::exchange(last_->block, {});
  }
  if (block.data == nullptr) {
    block = {static_cast<std::byte*>(std::aligned_alloc(kLargePage, bytes)), bytes};
    if (block.data == nullptr) return nullptr;
    ::madvise(block.data, bytes, MADV_HUGEPAGE);
  }
  return {block.data, [last = last_, block](std::byte*) { last->give_back(block); }};
}

}  // namespace headwise
