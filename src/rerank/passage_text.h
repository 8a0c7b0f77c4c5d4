// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a passage as the prompt shows it: title, newline, text, cut after a number of words.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"
#include "headwise/reranker.h"

namespace headwise {

// What Python's str.isspace() calls white space.
bool is_space(char32_t c);
// The code point at a place of the text; a stray byte counts as U+FFFD.
DecodedCodePoint code_point_at(std::string_view text, size_t at);

// `text` up to the end of its n-th white-space separated word (Python's str.split() decides what is white
// space), the white space inside kept; all of it when n is 0 or it has fewer words. `cut` is set when
// something was left out.
std::string_view first_words(std::string_view text, int n, bool& cut);

// "title\ntext", or the text alone.
std::string passage_text(const Passage& passage);

// True when there is nothing but white space.
bool is_white_space(std::string_view text);
// True when there is nothing that could be read: white space, controls, what has no width (U+200B, U+FEFF).
bool is_invisible(std::string_view text);

}  // namespace headwise
