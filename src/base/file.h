// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Files: read-only mappings, whole-file reads, and writers that never leave half a file behind.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

// A read-only memory mapping. Movable; the bytes stay valid and at the same address while it lives.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::filesystem::path path_;
};

// Tells the system that these bytes of a mapping will not be needed soon. They stay readable (from the file
// again).
void release_pages(const std::byte* data, size_t bytes);

// The whole file; "-" is standard input. kNotFound, kIo (unreadable, a directory), kResourceLimit when it
// holds more than `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path, size_t limit = size_t{4} << 30);
// The same for a text: kInvalidInput, too, as require_plain_text says.
Result<std::string> read_text_file(const std::filesystem::path& path, size_t limit = size_t{4} << 30);
// kInvalidInput, with what to do, when the content of `source` is packed (gzip, ...) or UTF-16 or UTF-32.
Status require_plain_text(std::string_view content, const std::string& source);

// What a file or folder is called, whether or not its path ends with a slash.
std::string last_name(const std::filesystem::path& path);
// Where a path leads: `path` itself, or the file that a chain of symbolic links names (which need not be
// there). kIo when the chain has no end.
Result<std::filesystem::path> through_links(const std::filesystem::path& path);
// Writes to a temporary file beside the one that `path` leads to (through links), flushes to disk, renames;
// a file that was there keeps its mode. On any failure the old file is untouched and the temporary one
// removed. kResourceLimit when the disk is full; kIo when `path` is a device or a folder.
Status write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace headwise
