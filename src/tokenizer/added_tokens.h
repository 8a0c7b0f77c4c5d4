// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the tokens that stand beside the vocabulary's own words (special tokens, chat markers)
// and how they are found in text. Source: huggingface/tokenizers/src/tokenizer/added_vocabulary.rs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace headwise {

struct AddedToken {
  int32_t id = -1;
  std::string content;
  std::string
      pattern;  // what is looked for: the content, normalised where `normalized` says so; empty: never
  bool special = false;      // a control token: text to `encode`, a token to `encode_with_specials`
  bool single_word = false;  // only between characters that are not part of a word
  bool strip_left = false;   // takes the white space before it along
  bool strip_right = false;
  bool normalized = false;  // looked for after normalising
};

// A set that is looked for at once.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Piece {
    Span span;
    std::optional<int32_t> id;  // nothing: text
  };
  // Cuts `text` at the leftmost, and there the longest, tokens. With `specials_are_text` special tokens are
  // found (they still win over tokens inside them) and left as text.
  std::vector<Piece> cut(std::string_view text, bool specials_are_text) const;
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  const AddedToken* longest_at(std::string_view text, size_t at) const;
  std::vector<AddedToken> tokens_;  // by pattern
  std::vector<bool> first_bytes_ = std::vector<bool>(256, false);
};

}  // namespace headwise
