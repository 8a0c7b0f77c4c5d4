// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/unicode_classes.h"

namespace headwise {
namespace {

bool ends_with_word_character(std::string_view text) {
  if (text.empty()) return false;
  const std::optional<DecodedCodePoint> point =
      decode_utf8(text.substr(character_start(text, text.size() - 1)));
  return point && is_word_character(point->value);
}

bool starts_with_word_character(std::string_view text) {
  const std::optional<DecodedCodePoint> point = text.empty() ? std::nullopt : decode_utf8(text);
  return point && is_word_character(point->value);
}

size_t white_space_before(std::string_view text, size_t at) {
  while (at > 0) {
    const size_t begin = character_start(text, at - 1);
    const std::optional<DecodedCodePoint> point = decode_utf8(text.substr(begin));
    if (!point || !is_white_space(point->value)) break;
    at = begin;
  }
  return at;
}

size_t white_space_after(std::string_view text, size_t at) {
  while (at < text.size()) {
    const std::optional<DecodedCodePoint> point = decode_utf8(text.substr(at));
    if (!point || !is_white_space(point->value)) break;
    at += point->bytes;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.pattern.empty(); });
  std::ranges::sort(tokens_, {}, &AddedToken::pattern);
  for (const AddedToken& token : tokens_) first_bytes_[static_cast<uint8_t>(token.pattern[0])] = true;
}

// Narrows the sorted patterns byte by byte; the last one that ended on the way is the longest.
const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at) const {
  const AddedToken* longest = nullptr;
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (size_t depth = 0; low != high; ++depth) {
    if (low->pattern.size() == depth) longest = &*low++;
    if (at + depth >= text.size()) break;
    const auto wanted = static_cast<uint8_t>(text[at + depth]);
    const auto byte_at = [depth](const AddedToken& token) {
      return static_cast<int>(static_cast<uint8_t>(token.pattern[depth]));
    };
    low = std::ranges::lower_bound(low, high, static_cast<int>(wanted), {}, byte_at);
    high = std::ranges::upper_bound(low, high, static_cast<int>(wanted), {}, byte_at);
  }
  return longest;
}

std::vector<AddedTokens::Piece> AddedTokens::cut(std::string_view text, bool specials_are_text) const {
  std::vector<Piece> pieces;
  size_t done = 0;
  for (size_t at = 0; !tokens_.empty() && at < text.size();) {
    const AddedToken* token = first_bytes_[static_cast<uint8_t>(text[at])] ? longest_at(text, at) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    Span found = {at, at + token->pattern.size()};
    at = found.end;
    if (specials_are_text && token->special) continue;
    if (token->single_word && (ends_with_word_character(text.substr(0, found.begin)) ||
                               starts_with_word_character(text.substr(found.end)))) {
      continue;
    }
    if (token->strip_left) found.begin = std::max(white_space_before(text, found.begin), done);
    if (token->strip_right) found.end = white_space_after(text, found.end);
    if (done < found.begin) pieces.push_back({{done, found.begin}, std::nullopt});
    pieces.push_back({found, token->id});
    done = found.end;
  }
  if (done != text.size()) pieces.push_back({{done, text.size()}, std::nullopt});
  return pieces;
}

}  // namespace headwise
