// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: GPT-2's one-to-one map between the 256 bytes and printable characters, in which
// byte-level vocabularies are written ("Ġthe" is " the"). Source: openai/gpt-2/src/encoder.py,
// bytes_to_unicode.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headwise {

// The character that stands for a byte.
char32_t byte_character(uint8_t byte);
// The bytes that a token's characters stand for; nothing when one is outside the alphabet.
std::optional<std::string> bytes_of_token(std::string_view token);
// The bytes as the vocabulary writes them.
std::string token_of_bytes(std::string_view bytes);

}  // namespace headwise
