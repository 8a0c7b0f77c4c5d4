// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where the Unicode versions of our libraries differ from those inside Hugging Face
// tokenizers.
//
// Matching: Debian's Oniguruma knows Unicode 14, theirs 16. A letter that is new to ours must match as a
// letter does: before matching it is replaced by an old character of the same category and of as many bytes,
// which keeps every offset. With a newer Oniguruma the replacement changes nothing. Normal forms: utf8proc
// knows Unicode 15, their normalizer 9. What came between they leave alone, and so do we: a model's ids for
// such a character are those it was trained with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headwise {

// The text with newer characters replaced; nothing when it has none.
std::optional<std::string> with_older_characters(std::string_view text);
// True for a character that utf8proc would reorder, compose or decompose and Hugging Face's normalizer does
// not.
bool is_inert_in_forms(char32_t code_point);
// Nd or No by Unicode 15 to 17.
bool is_newer_number(char32_t code_point);

}  // namespace headwise
