// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: an index that is whole, and its documents by BM25 (search/bm25.h). In memory are the
// documents' lengths, and while a query runs a score for each document.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/dataset.h"
#include "headwise/error.h"
#include "search/database.h"

namespace headwise {

class WordFrequencies;

// What a file at the index's place is.
enum class FoundFile { kNone, kIndex, kXapianIndex, kForeign };
Result<FoundFile> look_at_index(const std::filesystem::path& file);

struct ScoredDocument {
  int64_t number = 0;
  double score = 0.0;
};

class IndexReader {
 public:
  // kInvalidInput for a file that is damaged.
  static Result<IndexReader> open(const std::filesystem::path& file);
  // Empty where the index has no such fact.
  Result<std::string> fact(std::string_view name) const;
  // Reads the lengths; before any other call below.
  Status load();

  int64_t documents() const { return static_cast<int64_t>(lengths_.size()); }
  // The best `depth` of the documents that have one of `terms`, best first; ties: in the corpus's order.
  // Where `frequencies` are given, terms are as rare as they say.
  Result<std::vector<ScoredDocument>> best(const std::vector<std::string>& terms, size_t depth,
                                           const WordFrequencies* frequencies) const;
  Result<Document> document(int64_t number) const;

 private:
  struct List;
  explicit IndexReader(Database database) : database_(std::move(database)) {}
  Result<std::vector<List>> lists_of(std::string_view term) const;

  Database database_;
  std::vector<uint32_t> lengths_;
  double mean_length_ = 0.0;
};

}  // namespace headwise
