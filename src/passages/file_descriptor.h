// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: descriptors of the system that close themselves, and its errors in words.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "headwise/error.h"

namespace headwise {

class FileDescriptor {
 public:
  explicit FileDescriptor(int file = -1) : file_(file) {}
  FileDescriptor(FileDescriptor&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (file_ >= 0) ::close(file_);
  }
  int get() const { return file_; }

 private:
  int file_;
};

inline tl::unexpected<Error> system_failure(std::string_view what, const std::filesystem::path& path,
                                            int number) {
  const bool missing = number == ENOENT || number == ENOTDIR;
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG || number == ENOMEM ||
                    number == EMFILE || number == ENFILE;
  return fail(missing ? ErrorCode::kNotFound
              : full  ? ErrorCode::kResourceLimit
                      : ErrorCode::kIo,
              "cannot " + std::string(what) + " '" + path.string() + "': " + std::strerror(number));
}

}  // namespace headwise
