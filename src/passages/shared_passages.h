// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what all caches of a process share whose model agrees: its memory, and the counts that
// KeepStatistics shows.
//
// Thread rule: any number of callers at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "passages/memory_tier.h"

namespace headwise {

struct SharedPassages {
  // Made where there is none of this model; lives as long as anybody holds it.
  static std::shared_ptr<SharedPassages> of(const std::string& model);

  MemoryTier memory{0};
  std::atomic<uint64_t> hits = 0;
  std::atomic<uint64_t> store_hits = 0;
  std::atomic<uint64_t> misses = 0;
};

}  // namespace headwise
