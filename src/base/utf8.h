// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// UTF-8, strictly: overlong forms, surrogates and code points past U+10FFFF are not UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headwise {

struct DecodedCodePoint {
  char32_t value;
  size_t bytes;  // 1..4
};

// Whether the byte goes on with a character that began before it.
constexpr bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }
// Where the character that the byte at `at` belongs to begins; `at` where the text ends there.
constexpr size_t character_start(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && continues_character(text[at])) --at;
  return at;
}
// The code point that starts at text[0]; nothing when the bytes there are not valid. Text must not be empty.
std::optional<DecodedCodePoint> decode_utf8(std::string_view text);
void append_utf8(std::string& text, char32_t code_point);
// Offset of the first byte that is not valid UTF-8, or nothing when all is.
std::optional<size_t> first_invalid_utf8(std::string_view text);
// Each maximal invalid part replaced by U+FFFD, as the Unicode standard (3.9, table 3-8) and Python do it.
std::string replace_invalid_utf8(std::string_view text);

}  // namespace headwise
