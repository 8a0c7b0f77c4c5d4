// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/terms.h"

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/utext.h>
#include <xapian.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

// A longer word is no word; the index holds terms of at most 245 bytes.
constexpr size_t kLongestTerm = 64;

// Lucene's EnglishAnalyzer has the same list. Sorted.
constexpr std::array<std::string_view, 33> kStopWords{
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

// Apostrophes before the possessive s: typewriter's, printer's, full width.
constexpr std::array<std::string_view, 3> kPossessives{"'s", "\u2019s", "\uff07s"};

std::string small_letters(std::string_view word) {
  std::string small;
  for (Xapian::Utf8Iterator at(word.data(), word.size()); at != Xapian::Utf8Iterator(); ++at) {
    Xapian::Unicode::append_utf8(small, Xapian::Unicode::tolower(*at));
  }
  return small;
}

// Whether a vowel is followed by a consonant: Porter's measure of `part` is above 0. y is a vowel after a
// consonant.
bool has_measure(std::string_view part) {
  bool vowel = false;
  for (size_t i = 0; i < part.size(); ++i) {
    const bool is_vowel = std::string_view("aeiou").find(part[i]) != std::string_view::npos ||
                          (part[i] == 'y' && i > 0 && !vowel);
    if (vowel && !is_vowel) return true;
    vowel = is_vowel;
  }
  return false;
}

// Porter's own program differs from his paper in two endings of step 2, bli -> ble and logi -> log, and
// leaves words of two letters alone; Lucene has that program, Xapian the paper. Making these endings before
// the first step comes to the same.
constexpr std::array<std::array<std::string_view, 2>, 6> kDepartures{
    {{"bli", "ble"}, {"bly", "ble"}, {"blies", "ble"}, {"logi", "log"}, {"logy", "log"}, {"logies", "log"}}};

std::string stem_of(std::string word, const Xapian::Stem& stem) {
  if (word.size() <= 2) return word;
  for (const auto& [ending, other] : kDepartures) {
    if (word.ends_with(ending) &&
        has_measure(std::string_view(word).substr(0, word.size() - ending.size()))) {
      word.replace(word.size() - ending.size(), ending.size(), other);
      break;
    }
  }
  return stem(word);
}

// Empty where a word is no term.
std::string term_of(std::string_view found, const Xapian::Stem& stem) {
  if (found.size() > 2 * kLongestTerm) return {};
  std::string word = small_letters(found);
  for (const std::string_view ending : kPossessives) {
    if (word.ends_with(ending)) {
      word.resize(word.size() - ending.size());
      break;
    }
  }
  if (word.empty() || word.size() > kLongestTerm ||
      std::binary_search(kStopWords.begin(), kStopWords.end(), std::string_view(word))) {
    return {};
  }
  return stem_of(std::move(word), stem);
}

// How much of a word belongs to it: where a stop is followed by a capital and a small letter ("gene.The") the
// space between two sentences is missing, which is common in texts that went through many hands.
size_t length_within_sentence(std::string_view word) {
  for (size_t stop = word.find_first_of(".:"); stop != std::string_view::npos;
       stop = word.find_first_of(".:", stop + 1)) {
    Xapian::Utf8Iterator at(word.data() + stop + 1, word.size() - stop - 1);
    if (at == Xapian::Utf8Iterator() || Xapian::Unicode::tolower(*at) == *at) continue;
    if (++at != Xapian::Utf8Iterator() && Xapian::Unicode::toupper(*at) != *at) return stop;
  }
  return word.size();
}

// Finding ICU's rules takes a while: each thread keeps its own.
icu::BreakIterator& words_of_this_thread() {
  thread_local const std::unique_ptr<icu::BreakIterator> words = [] {
    UErrorCode error = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), error));
    HW_CHECK(U_SUCCESS(error));
    return made;
  }();
  return *words;
}

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

}  // namespace

std::vector<std::string> search_terms(std::string_view text) {
  const Xapian::Stem stem("porter");
  std::vector<std::string> terms;
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<UText, CloseText> opened(
      utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &error));
  HW_CHECK(U_SUCCESS(error));
  icu::BreakIterator& words = words_of_this_thread();
  words.setText(opened.get(), error);
  HW_CHECK(U_SUCCESS(error));
  auto begin = static_cast<size_t>(words.first());
  for (int32_t next = words.next(); next != icu::BreakIterator::DONE; next = words.next()) {
    const auto end = static_cast<size_t>(next);
    if (words.getRuleStatus() >= UBRK_WORD_NONE_LIMIT) {
      for (std::string_view word = text.substr(begin, end - begin); !word.empty();) {
        const size_t length = length_within_sentence(word);
        if (std::string term = term_of(word.substr(0, length), stem); !term.empty()) {
          terms.push_back(std::move(term));
        }
        word.remove_prefix(std::min(length + 1, word.size()));
      }
    }
    begin = end;
  }
  return terms;
}

}  // namespace headwise
