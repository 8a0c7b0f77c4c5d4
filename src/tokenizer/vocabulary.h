// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tokens of a vocabulary: text to id and back, in one block of memory. What it is not:
// any idea of what a token's text means (bytes, "▁", "<0x0A>").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// A half-open range of bytes, and what the splitting steps hand on.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Span&) const = default;
};

class Vocabulary {
 public:
  struct Entry {
    std::string_view text;
    int64_t id = 0;
  };
  // kInvalidInput when an id is negative, far beyond the number of tokens (a hostile file must not choose how
  // much memory is taken), or used twice, or when a text stands twice.
  static Result<Vocabulary> build(const std::vector<Entry>& entries);

  std::optional<int32_t> find(std::string_view text) const;
  // Empty for an id that no token has.
  std::string_view text(int32_t id) const;
  // One more than the largest id.
  int64_t size() const { return static_cast<int64_t>(spans_.size()); }
  // Tokens that are there; less than size() when ids are left out.
  int64_t count() const { return count_; }
  size_t longest() const { return longest_; }

 private:
  std::string arena_;
  std::vector<Span> spans_;     // by id; begin > end where no token has the id
  std::vector<int32_t> slots_;  // open addressing over hashes of the texts, -1 free
  int64_t count_ = 0;
  size_t longest_ = 0;
};

}  // namespace headwise
