// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: memory that records are read into. New memory is cleared by the system, which takes as
// long as reading it from a disk of today: so what was used last is used again. Meanwhile the system may take
// its pages back.
//
// Thread rule: any number of callers.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

namespace headwise {

class ReadingMemory {
 public:
  ReadingMemory() : last_(std::make_shared<Last>()) {}

  // At least so many bytes, from a multiple of 2 MiB on; null: there is none.
  std::shared_ptr<std::byte> take(size_t bytes);

 private:
  struct Block {
    std::byte* data = nullptr;
    size_t bytes = 0;
  };
  // What was given back last; outlives this object while a block is out.
  struct Last {
    ~Last();
    // Keeps one of the two and frees the other.
    void give_back(Block block);
    std::mutex mutex;
    Block block;
  };

  std::shared_ptr<Last> last_;
};

}  // namespace headwise
