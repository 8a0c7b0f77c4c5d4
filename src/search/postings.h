// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: postings: which documents have a term, and how often. A list is the number of its
// documents, then for each the distance to the one before (the first: to the list's own first) and the count,
// all as whole numbers of seven bits a byte, lowest first (LEB128).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace headwise {

struct Posting {
  uint64_t document = 0;
  uint64_t count = 0;
};

// Reads a list; nothing at its end. What is no list ends early: then whole() is false.
class PostingReader {
 public:
  PostingReader(uint64_t first, std::string_view list);
  uint64_t documents() const { return documents_; }
  std::optional<Posting> next();
  bool whole() const { return whole_; }

 private:
  uint64_t number();
  std::string_view rest_;
  uint64_t document_, documents_ = 0, left_ = 0;
  bool whole_ = true;
};

// Lists of many terms while documents are read, in their order.
class PostingLists {
 public:
  void add(std::string_view term, Posting posting);
  // About what they take in memory.
  size_t bytes() const { return bytes_; }
  void clear();

  struct Entry {
    std::string_view term;
    uint64_t first;
    std::string list;
  };
  // In the terms' order of bytes, one at a time: entry(0), entry(1), ... of sorted().
  std::vector<std::string_view> sorted() const;
  Entry entry(std::string_view term) const;

 private:
  struct Growing {
    uint64_t first = 0, last = 0, documents = 0;
    std::string pairs;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view term) const { return std::hash<std::string_view>{}(term); }
  };
  std::unordered_map<std::string, Growing, Hash, std::equal_to<>> lists_;
  size_t bytes_ = 0;
};

}  // namespace headwise
