// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "search/terms.h"

#include <libstemmer.h>
#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"

namespace headwise {
namespace {

// A longer word is no word.
constexpr size_t kLongestTerm = 64;

// Lucene's EnglishAnalyzer has the same list. Sorted.
constexpr std::array<std::string_view, 33> kStopWords{
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

// Apostrophes before the possessive s: typewriter's, printer's, full width.
constexpr std::array<std::string_view, 3> kPossessives{"'s", "\u2019s", "\uff07s"};

// Of a word that is not empty; ICU finds words in what is valid UTF-8 alone.
DecodedCodePoint first_letter(std::string_view word) {
  return decode_utf8(word).value_or(DecodedCodePoint{U'\uFFFD', 1});
}

char32_t small_letter(char32_t letter) {
  return static_cast<char32_t>(u_tolower(static_cast<UChar32>(letter)));
}
char32_t capital_letter(char32_t letter) {
  return static_cast<char32_t>(u_toupper(static_cast<UChar32>(letter)));
}

std::string small_letters(std::string_view word) {
  std::string small;
  while (!word.empty()) {
    const DecodedCodePoint letter = first_letter(word);
    append_utf8(small, small_letter(letter.value));
    word.remove_prefix(letter.bytes);
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
// leaves words of two letters alone; Lucene has that program, Snowball the paper. Making these endings before
// the first step comes to the same.
constexpr std::array<std::array<std::string_view, 2>, 6> kDepartures{
    {{"bli", "ble"}, {"bly", "ble"}, {"blies", "ble"}, {"logi", "log"}, {"logy", "log"}, {"logies", "log"}}};

// Snowball's stemmers keep what they work on: each thread has its own.
sb_stemmer& stemmer_of_this_thread() {
  thread_local const std::unique_ptr<sb_stemmer, void (*)(sb_stemmer*)> stemmer(
      sb_stemmer_new("porter", "UTF_8"), &sb_stemmer_delete);
  HW_CHECK(stemmer != nullptr);
  return *stemmer;
}

std::string stem_of(std::string word) {
  if (word.size() <= 2) return word;
  for (const auto& [ending, other] : kDepartures) {
    if (word.ends_with(ending) &&
        has_measure(std::string_view(word).substr(0, word.size() - ending.size()))) {
      word.replace(word.size() - ending.size(), ending.size(), other);
      break;
    }
  }
  sb_stemmer& stemmer = stemmer_of_this_thread();
  const sb_symbol* stem = sb_stemmer_stem(&stemmer, reinterpret_cast<const sb_symbol*>(word.data()),
                                          static_cast<int>(word.size()));
  HW_CHECK(stem != nullptr);
  return {reinterpret_cast<const char*>(stem), static_cast<size_t>(sb_stemmer_length(&stemmer))};
}

// Empty where a word is no term.
std::string term_of(std::string_view found) {
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
  return stem_of(std::move(word));
}

// How much of a word belongs to it: where a stop is followed by a capital and a small letter ("gene.The") the
// space between two sentences is missing, which is common in texts that went through many hands.
size_t length_within_sentence(std::string_view word) {
  for (size_t stop = word.find_first_of(".:"); stop != std::string_view::npos;
       stop = word.find_first_of(".:", stop + 1)) {
    std::string_view rest = word.substr(stop + 1);
    if (rest.empty()) continue;
    const DecodedCodePoint capital = first_letter(rest);
    rest.remove_prefix(capital.bytes);
    if (rest.empty() || small_letter(capital.value) == capital.value) continue;
    const char32_t next = first_letter(rest).value;
    if (capital_letter(next) != next) return stop;
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
        if (std::string term = term_of(word.substr(0, length)); !term.empty()) {
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
