// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/terms.h"

#include <xapian.h>

#include <algorithm>
#include <array>
#include <utility>

namespace headwise {
namespace {

// A longer word is no word; the index holds terms of at most 245 bytes.
constexpr size_t kLongestTerm = 64;

// Lucene's EnglishAnalyzer has the same list. Sorted.
constexpr std::array<std::string_view, 33> kStopWords{
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

void take(std::string& word, const Xapian::Stem& stem, std::vector<std::string>& terms) {
  if (!word.empty() && word.size() <= kLongestTerm &&
      !std::binary_search(kStopWords.begin(), kStopWords.end(), std::string_view(word))) {
    // Nothing is left of "s", which stands behind an apostrophe.
    if (std::string term = stem(word); !term.empty()) terms.push_back(std::move(term));
  }
  word.clear();
}

}  // namespace

std::vector<std::string> search_terms(std::string_view text) {
  const Xapian::Stem stem("porter");
  std::vector<std::string> terms;
  std::string word;
  for (Xapian::Utf8Iterator at(text.data(), text.size()); at != Xapian::Utf8Iterator(); ++at) {
    const unsigned character = *at;
    if (Xapian::Unicode::is_wordchar(character) && character != '_') {
      Xapian::Unicode::append_utf8(word, Xapian::Unicode::tolower(character));
    } else {
      take(word, stem, terms);
    }
  }
  take(word, stem, terms);
  return terms;
}

}  // namespace headwise
