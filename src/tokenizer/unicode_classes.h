// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the character classes that Hugging Face tokenizers asks Rust for: numbers, white space,
// word characters.
#pragma once

#include <string_view>

namespace headwise {

// General category Nd, Nl or No.
bool is_number(char32_t code_point);
// The property White_Space.
bool is_white_space(char32_t code_point);
// \w of Unicode TR 18: Alphabetic, marks, decimal digits, connector punctuation, joiners.
bool is_word_character(char32_t code_point);

}  // namespace headwise
