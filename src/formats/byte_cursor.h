// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a little-endian reader over bytes that belong to someone else; every read is checked and
// every error names the file, the byte offset, what was expected and what was found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "formats/printable.h"
#include "headwise/error.h"

namespace headwise {

class ByteCursor {
 public:
  ByteCursor(std::span<const std::byte> bytes, std::string_view file) : bytes_(bytes), file_(file) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  const std::byte* here() const { return bytes_.data() + position_; }

  tl::unexpected<Error> fail_at(size_t position, std::string message,
                                ErrorCode code = ErrorCode::kInvalidInput) const {
    return fail(code,
                printable_path(file_) + ", byte " + std::to_string(position) + ": " + std::move(message));
  }

  // `needed` more bytes for `what`, or an error.
  Status need(uint64_t needed, std::string_view what) const {
    if (needed <= remaining()) return {};
    return fail_at(position_, std::string(what) + " needs " + std::to_string(needed) +
                                  " bytes, but the file ends after " + std::to_string(remaining()) +
                                  "; it is truncated or damaged");
  }

  // T: an integer or floating-point type of the machine (all supported machines are little-endian).
  template <typename T>
  Result<T> read(std::string_view what) {
    if (Status enough = need(sizeof(T), what); !enough) return fail(std::move(enough.error()));
    T value;
    std::memcpy(&value, here(), sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  Result<std::string_view> take(uint64_t count, std::string_view what) {
    if (Status enough = need(count, what); !enough) return fail(std::move(enough.error()));
    std::string_view text(reinterpret_cast<const char*>(here()), static_cast<size_t>(count));
    position_ += static_cast<size_t>(count);
    return text;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_;
  size_t position_ = 0;
};

}  // namespace headwise
