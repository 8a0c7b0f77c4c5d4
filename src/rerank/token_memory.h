// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tokens of texts that were seen lately. Where passages are kept, making their tokens
// is a large part of what is left of a request. Texts themselves are compared, so none is taken for another.
//
// Cost: the texts, their tokens and some 150 bytes each, within `bytes`; least recently used first out.
// Thread rule: one caller at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace headwise {

class TokenMemory {
 public:
  explicit TokenMemory(size_t bytes) : most_(bytes) {}

  // Null: not known. Good until the next call.
  const std::vector<int32_t>* find(std::string_view text);
  void keep(std::string_view text, const std::vector<int32_t>& tokens);
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string text;
    std::vector<int32_t> tokens;
  };
  static size_t size_of(const Entry& entry);

  size_t most_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;                                                 // the one used last comes first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> places_;  // by the entry's own text
};

}  // namespace headwise
