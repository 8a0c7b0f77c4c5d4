// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what is read of each passage: all of it, what is left after a cut, its windows, or
// nothing (docs/method.md#long-passages); and back from the scores of these parts to those of the passages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/passage.h"
#include "headwise/reranker.h"

namespace headwise {

struct PassagePart {
  int passage = 0;                        // place in the request
  bool truncated = false;                 // of the passage: something of it is in no part
  std::optional<PassageWindow> window{};  // where there are several
};

// A part and its text as the prompt shows it: title, newline, text.
struct PartText {
  PassagePart part;
  std::string text;
};

struct PartRules {
  LongPassages long_passages = LongPassages::kCut;
  int most_words = 0;  // 0: any number
  int64_t most_tokens = 0;
  int most_windows = 1;
  bool leave_out_empty = false;  // an empty passage has no part; otherwise it is kInvalidInput
  // With kChunk: tokens that all parts may have together, `around` added to each; 0: any number. Where they
  // would have more, the passages with most windows lose their last ones, down to one.
  int64_t most_together = 0;
  int64_t around = 0;
};

// Tokens of a part's text.
using PartTokens = std::function<Result<int64_t>(const std::string& text)>;

// By passage, windows in the order of the text. A part may still have more than `most_tokens`: without
// kChunk nothing is counted here, and a single character may take more. Errors: those of `count`.
Result<std::vector<PartText>> divide_passages(std::span<const Passage> passages, const PartRules& rules,
                                              const PartTokens& count);

// "passage 3 (id 'x')".
std::string passage_name(const Passage& passage, int index);

// For each passage the place of its best part: the highest score, the first among equals; -1: it has none.
std::vector<int> best_parts(std::span<const PassagePart> parts, std::span<const double> scores,
                            size_t passages);

}  // namespace headwise
