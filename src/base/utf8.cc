// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/utf8.h"

namespace headwise {
namespace {

// First bytes 0xC2..0xF4: total length, and the range allowed for the second byte (Unicode 15, table 3-7).
struct Lead {
  size_t length;
  uint8_t second_low;
  uint8_t second_high;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// How many bytes from the start belong together: the whole sequence when valid, else its longest valid
// beginning (at least 1 byte).
size_t maximal_part(std::string_view text, bool& valid) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = lead_of(byte(0));
  valid = lead.length == 1;
  if (lead.length <= 1) return 1;
  size_t i = 1;
  for (; i < lead.length && i < text.size(); ++i) {
    const uint8_t low = i == 1 ? lead.second_low : 0x80;
    const uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (byte(i) < low || byte(i) > high) return i;
  }
  valid = i == lead.length;
  return i;
}

}  // namespace

std::optional<DecodedCodePoint> decode_utf8(std::string_view text) {
  bool valid = false;
  const size_t bytes = maximal_part(text, valid);
  if (!valid) return std::nullopt;
  const auto first = static_cast<uint8_t>(text[0]);
  char32_t value = bytes == 1 ? first : first & (0xFFu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) value = (value << 6) | (static_cast<uint8_t>(text[i]) & 0x3Fu);
  return DecodedCodePoint{value, bytes};
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::optional<size_t> first_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    bool valid = false;
    const size_t bytes = maximal_part(text.substr(i), valid);
    if (!valid) return i;
    i += bytes;
  }
  return std::nullopt;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    bool valid = false;
    const size_t bytes = maximal_part(text.substr(i), valid);
    if (valid) {
      clean.append(text.substr(i, bytes));
    } else {
      clean.append("\xEF\xBF\xBD");
    }
    i += bytes;
  }
  return clean;
}

}  // namespace headwise
