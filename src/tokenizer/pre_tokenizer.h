// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how normalised text becomes words: splitting by regular expressions, digits, "▁", and
// the step to bytes. Source: huggingface/tokenizers/src/pre_tokenizers. What it is not: merging (bpe.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/regex.h"
#include "tokenizer/vocabulary.h"

namespace headwise {

enum class SplitBehavior { kIsolated, kRemoved, kContiguous, kMergedWithPrevious, kMergedWithNext };

struct PreTokenizerStep {
  enum class Kind { kSplitRegex, kSplitText, kDigits, kByteLevel, kMetaspace };
  enum class Prepend { kAlways, kFirst, kNever };
  Kind kind = Kind::kSplitRegex;
  SplitBehavior behavior = SplitBehavior::kIsolated;  // kSplit*
  bool invert = false;                                // kSplit*: what lies between the matches is the match
  std::string text;                    // kSplitText: the delimiter; kMetaspace: the replacement
  std::optional<Regex> regex;          // kSplitRegex; kByteLevel with its own splitting
  bool individual_digits = false;      // kDigits
  bool add_prefix_space = false;       // kByteLevel
  Prepend prepend = Prepend::kAlways;  // kMetaspace
  bool split = true;                   // kMetaspace
};

// A text and the words it is cut into; steps that change the text rebuild it.
struct WordList {
  std::string text;
  std::vector<Span> words;
  std::string_view word(size_t i) const {
    return std::string_view(text).substr(words[i].begin, words[i].end - words[i].begin);
  }
};

class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {}
  // `at_start`: the text begins where the whole input begins (Metaspace's "first").
  Result<WordList> split(std::string text, bool at_start) const;
  const std::vector<PreTokenizerStep>& steps() const { return steps_; }

 private:
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace headwise
