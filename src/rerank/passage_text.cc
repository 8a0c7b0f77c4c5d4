// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/passage_text.h"

namespace headwise {

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

DecodedCodePoint code_point_at(std::string_view text, size_t at) {
  if (const auto decoded = decode_utf8(text.substr(at))) return *decoded;
  return {0xFFFD, 1};
}

std::string_view first_words(std::string_view text, int n, bool& cut) {
  cut = false;
  if (n <= 0) return text;
  int words = 0;
  bool in_word = false;
  size_t end_of_word = 0;
  for (size_t i = 0; i < text.size();) {
    const DecodedCodePoint c = code_point_at(text, i);
    const bool space = is_space(c.value);
    if (!space && !in_word) {
      if (words == n) {
        cut = true;
        return text.substr(0, end_of_word);
      }
      ++words;
    }
    in_word = !space;
    i += c.bytes;
    if (in_word) end_of_word = i;
  }
  return text;
}

std::string passage_text(const Passage& passage) {
  return passage.title.empty() ? passage.text : passage.title + "\n" + passage.text;
}

bool is_white_space(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const DecodedCodePoint c = code_point_at(text, i);
    if (!is_space(c.value)) return false;
    i += c.bytes;
  }
  return true;
}

bool is_invisible(std::string_view text) {
  const auto invisible = [](char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
  };
  for (size_t i = 0; i < text.size();) {
    const DecodedCodePoint c = code_point_at(text, i);
    if (!is_space(c.value) && !invisible(c.value)) return false;
    i += c.bytes;
  }
  return true;
}

}  // namespace headwise
