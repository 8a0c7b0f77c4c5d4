// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: who may write a folder of kept passages: one thread of one process at a time, for the
// time of one append. The system's lock on a file, which goes with its process.
#pragma once

#include <sys/file.h>

#include <chrono>
#include <memory>

#include "headwise/error.h"

namespace headwise {

class StoreLock {
 public:
  // `how`: LOCK_EX, or LOCK_SH for readers that LMDB does not know of. kResourceLimit after `patience`.
  static Result<StoreLock> take(int file, int how, std::chrono::milliseconds patience);
  StoreLock(StoreLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  StoreLock& operator=(StoreLock&&) = delete;
  ~StoreLock() {
    if (file_ >= 0) ::flock(file_, LOCK_UN);
  }

 private:
  explicit StoreLock(int file) : file_(file) {}
  int file_;
};

}  // namespace headwise
