// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the first stage: a BM25 index (k1 0.9, b 0.4) over a collection, built once and kept in
// one file beside it.
//
//   auto index = headwise::SearchIndex::open({.corpus = "dl19"}, nullptr);
//   auto hits = index->search("who wrote Emma?", 40);
//
// Thread rule: one call at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "formats/left_out.h"
#include "headwise/dataset.h"
#include "headwise/error.h"
#include "headwise/passage.h"
#include "headwise/progress.h"

namespace headwise {

struct SearchHit {
  Document document;
  double score = 0.0;
};

struct SearchPlace {
  // A BEIR folder; a folder of texts, or one of them (formats/text_files.h); a corpus.jsonl or a file of "id
  // <tab> text" lines (.tsv); a JSON, JSONL or .txt file as read_passages() takes them.
  std::filesystem::path corpus;
  // The index; empty: CORPUS.bm25, in the folder of a folder, and under $HEADWISE_HOME/indexes where nothing
  // may be written there.
  std::filesystem::path index;
  // How common words are in the language (word_frequencies.h), instead of in the collection; empty: in the
  // collection. Not a part of the index.
  std::filesystem::path word_frequencies;
};

// Why open() built the index, if it did.
enum class BuildReason {
  kNone,           // it was there
  kNew,            // there was none
  kCorpusChanged,  // it belonged to the corpus as it was before
  kOlderVersion    // an earlier headwise built it, in another form
};

class SearchIndex {
 public:
  // Reads the index where it belongs to the corpus as it is now (names, sizes and times of its files);
  // otherwise builds it, under a temporary name until it is whole. What reading a collection can say,
  // kInvalidInput for one without a word, kIo; kCancelled when `progress`, which may be null, asks to stop.
  static Result<SearchIndex> open(const SearchPlace& place, ProgressSink* progress);
  SearchIndex(SearchIndex&&) noexcept;
  SearchIndex& operator=(SearchIndex&&) noexcept;
  ~SearchIndex();

  // The best `depth` documents that share a term with the query, best first; ties: in the corpus's order.
  // None when there is none.
  Result<std::vector<SearchHit>> search(std::string_view query, int depth);

  // The same as candidates for re-ranking, with their scores as the first stage's.
  Result<std::vector<Passage>> candidates(std::string_view query, int depth);

  int64_t documents() const;
  const std::filesystem::path& file() const;
  BuildReason build_reason() const;
  // What of the corpus was not read when the index was built.
  const LeftOut& left_out() const;

 private:
  struct State;
  explicit SearchIndex(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace headwise
