// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/byte_alphabet.h"

#include <array>

#include "base/utf8.h"

namespace headwise {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

// The others are numbered from U+0100 in byte order.
constexpr std::array<char32_t, 256> make_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    characters[static_cast<size_t>(byte)] = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return characters;
}

constexpr std::array<char32_t, 256> kCharacters = make_characters();
constexpr size_t kAlphabetEnd = 256 + 68;  // 68 bytes do not stand for themselves

constexpr std::array<int, kAlphabetEnd> make_bytes() {
  std::array<int, kAlphabetEnd> bytes{};
  for (int& byte : bytes) byte = -1;
  for (int byte = 0; byte < 256; ++byte) bytes[kCharacters[static_cast<size_t>(byte)]] = byte;
  return bytes;
}

constexpr std::array<int, kAlphabetEnd> kBytes = make_bytes();

}  // namespace

char32_t byte_character(uint8_t byte) { return kCharacters[byte]; }

std::optional<std::string> bytes_of_token(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  while (!token.empty()) {
    const std::optional<DecodedCodePoint> point = decode_utf8(token);
    if (!point || point->value >= kAlphabetEnd || kBytes[point->value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes[point->value]));
    token.remove_prefix(point->bytes);
  }
  return bytes;
}

std::string token_of_bytes(std::string_view bytes) {
  std::string token;
  token.reserve(2 * bytes.size());
  for (char byte : bytes) append_utf8(token, kCharacters[static_cast<uint8_t>(byte)]);
  return token;
}

}  // namespace headwise
