// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tables of an index, and how they are written: documents go into the file as they
// come, postings are gathered in memory and written out whenever they fill their share of it. So a collection
// takes no more memory the larger it is. A term has a row for each time, in one place of the file; nothing is
// merged.
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "formats/left_out.h"
#include "headwise/dataset.h"
#include "headwise/error.h"
#include "search/database.h"
#include "search/postings.h"

namespace headwise {

// In the file's head (SQLite's application_id): "HWbm".
inline constexpr uint32_t kIndexMark = 0x4857626d;
// Another way of making terms or of writing them makes another index.
inline constexpr std::string_view kIndexVersion =
    "headwise BM25 index 3: UAX #29 words, Porter stems, 33 English stop words";
// Postings of this term, which no word is: every document's number and length.
inline constexpr std::string_view kLengths;

class IndexWriter {
 public:
  // Postings are written out when they take more than `posting_bytes`.
  static Result<IndexWriter> create(const std::filesystem::path& file,
                                    size_t posting_bytes = size_t{64} << 20);
  Status add(const Document& document);
  int64_t documents() const { return documents_; }
  // Nothing is added after it; the file can be read when the writer is gone. kInvalidInput when no document
  // has a word. `signature` and `left_out`: the collection's.
  Status finish(std::string_view signature, const LeftOut& left_out);

 private:
  IndexWriter(Database database, Statement document, Statement posting, size_t posting_bytes);
  Status write_postings();
  Status write_fact(std::string_view name, std::string_view value);

  Database database_;
  Statement add_document_, add_posting_;
  PostingLists postings_;
  size_t posting_bytes_;
  int64_t documents_ = 0;
  uint64_t total_length_ = 0;
};

}  // namespace headwise
