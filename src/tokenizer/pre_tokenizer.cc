// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "base/check.h"
#include "base/utf8.h"
#include "tokenizer/unicode_classes.h"

namespace headwise {
namespace {

using Kind = PreTokenizerStep::Kind;

// A stretch of a word that matched the pattern, or lies between matches.
struct Stretch {
  Span span;
  bool match = false;
};

// Matches and what lies between them, in order, covering [0, size).
void cover(const std::vector<Span>& matches, size_t size, bool invert, std::vector<Stretch>& stretches) {
  size_t from = 0;
  for (const Span& match : matches) {
    if (from != match.begin) stretches.push_back({{from, match.begin}, invert});
    stretches.push_back({match, !invert});
    from = match.end;
  }
  if (from != size) stretches.push_back({{from, size}, invert});
}

// The five behaviours, as tokenizer/normalizer.rs `split` defines them.
void apply_behavior(SplitBehavior behavior, std::vector<Stretch>& stretches, std::vector<Span>& out) {
  bool previous_match = false;
  const size_t first = out.size();
  switch (behavior) {
    case SplitBehavior::kIsolated:
      for (const Stretch& stretch : stretches) out.push_back(stretch.span);
      return;
    case SplitBehavior::kRemoved:
      for (const Stretch& stretch : stretches) {
        if (!stretch.match) out.push_back(stretch.span);
      }
      return;
    case SplitBehavior::kContiguous:
    case SplitBehavior::kMergedWithPrevious:
      for (const Stretch& stretch : stretches) {
        const bool joins = behavior == SplitBehavior::kContiguous ? stretch.match == previous_match
                                                                  : stretch.match && !previous_match;
        if (joins && out.size() > first) {
          out.back().end = stretch.span.end;
        } else {
          out.push_back(stretch.span);
        }
        previous_match = stretch.match;
      }
      return;
    case SplitBehavior::kMergedWithNext:
      // NOLINTNEXTLINE(modernize-loop-convert): backwards
      for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
        if (stretch->match && !previous_match && out.size() > first) {
          out.back().begin = stretch->span.begin;
        } else {
          out.push_back(stretch->span);
        }
        previous_match = stretch->match;
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
      return;
  }
}

void find_text(std::string_view wanted, std::string_view text, std::vector<Span>& matches) {
  for (size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    matches.push_back({at, at + wanted.size()});
  }
}

void find_digits(std::string_view text, std::vector<Span>& matches) {
  for (size_t at = 0; at < text.size();) {
    const std::optional<DecodedCodePoint> point = decode_utf8(text.substr(at));
    HW_CHECK(point.has_value());
    if (is_number(point->value)) matches.push_back({at, at + point->bytes});
    at += point->bytes;
  }
}

Status find_matches(const PreTokenizerStep& step, std::string_view word, std::vector<Span>& matches) {
  switch (step.kind) {
    case Kind::kSplitRegex:
    case Kind::kByteLevel:
      return step.regex->find_all(word, matches);
    case Kind::kSplitText:
    case Kind::kMetaspace:
      find_text(step.text, word, matches);
      return {};
    case Kind::kDigits:
      find_digits(word, matches);
      return {};
  }
  return {};
}

// Each word becomes what `rewrite(i, word, out)` appends to out.
template <typename Rewrite>
void rewrite_words(WordList& list, const Rewrite& rewrite) {
  std::string text;
  text.reserve(list.text.size() + 16);
  for (size_t i = 0; i < list.words.size(); ++i) {
    const size_t begin = text.size();
    rewrite(i, list.word(i), text);
    list.words[i] = {begin, text.size()};
  }
  list.text = std::move(text);
}

Status split_words(const PreTokenizerStep& step, SplitBehavior behavior, WordList& list) {
  std::vector<Span> words;
  std::vector<Span> matches;
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < list.words.size(); ++i) {
    matches.clear();
    stretches.clear();
    HW_RETURN_IF_ERROR(find_matches(step, list.word(i), matches));
    cover(matches, list.word(i).size(), step.invert, stretches);
    const size_t first = words.size();
    apply_behavior(behavior, stretches, words);
    for (size_t k = first; k < words.size(); ++k) {
      words[k].begin += list.words[i].begin;
      words[k].end += list.words[i].begin;
    }
  }
  std::erase_if(words, [](const Span& word) { return word.begin == word.end; });
  list.words = std::move(words);
  return {};
}

void metaspace(const PreTokenizerStep& step, bool at_start, WordList& list) {
  rewrite_words(list, [&](size_t i, std::string_view word, std::string& out) {
    const bool wanted = step.prepend == PreTokenizerStep::Prepend::kAlways ||
                        (step.prepend == PreTokenizerStep::Prepend::kFirst && at_start && i == 0);
    if (wanted && !word.starts_with(' ') && !word.starts_with(step.text)) out.append(step.text);
    for (char byte : word) byte == ' ' ? out.append(step.text) : out.append(1, byte);
  });
}

}  // namespace

Result<WordList> PreTokenizer::split(std::string text, bool at_start) const {
  WordList list;
  list.text = std::move(text);
  if (!list.text.empty()) list.words.push_back({0, list.text.size()});
  for (const PreTokenizerStep& step : steps_) {
    SplitBehavior behavior = step.behavior;
    bool split = true;
    if (step.kind == Kind::kMetaspace) {
      metaspace(step, at_start, list);
      split = step.split;
      behavior = SplitBehavior::kMergedWithNext;
    } else if (step.kind == Kind::kByteLevel) {
      if (step.add_prefix_space) {
        rewrite_words(list, [](size_t, std::string_view word, std::string& out) {
          if (!word.starts_with(' ')) out.push_back(' ');
          out.append(word);
        });
      }
      split = step.regex.has_value();
      behavior = SplitBehavior::kIsolated;
    } else if (step.kind == Kind::kDigits) {
      behavior = step.individual_digits ? SplitBehavior::kIsolated : SplitBehavior::kContiguous;
    }
    if (split) HW_RETURN_IF_ERROR(split_words(step, behavior, list));
  }
  return list;
}

}  // namespace headwise
