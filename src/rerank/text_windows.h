// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where a text that is too long for one passage is divided: windows that overlap, of whole
// sentences where there are any, else of whole words, else of whole characters
// (docs/method.md#long-passages). Knows texts alone; how many tokens one has it is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// Bytes of the text; both ends stand between characters, and no white space at either.
struct TextWindow {
  size_t begin = 0;
  size_t end = 0;
};

struct WindowRules {
  int64_t most_words = 0;    // 0: any number
  int64_t most_tokens = 0;   // 0: any number
  int64_t most_windows = 1;  // the text's first ones
};

struct TextWindows {
  std::vector<TextWindow> windows;  // begins and ends rise; none in a text of white space
  bool all = true;                  // together they hold all of the text but white space
};

// Tokens of such a window, with whatever stands in front of each.
using TokenCount = std::function<Result<int64_t>(std::string_view)>;

// A window has more than `most_tokens` only where a single character has. Errors: those of `count`. The same
// text and rules give the same windows. Cost: some `count`s a window, of a few kilobytes each, whatever the
// length of the text.
Result<TextWindows> text_windows(std::string_view text, const WindowRules& rules, const TokenCount& count);

}  // namespace headwise
