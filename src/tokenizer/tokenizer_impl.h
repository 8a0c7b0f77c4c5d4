// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the parts a tokenizer is made of and the order they work in; the loaders
// (tokenizer_json.cc, tokenizer_gguf.cc) fill it, tokenizer.cc runs it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "headwise/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/score_bpe.h"
#include "tokenizer/vocabulary.h"

namespace headwise {

// How a token's text is turned into the bytes it stands for.
enum class TokenSpelling {
  kByteAlphabet,  // "Ġthe"
  kMetaspace,     // "▁the", "<0x0A>"
};

class Tokenizer::Impl {
 public:
  Vocabulary vocabulary;
  AddedTokens raw_added;         // looked for in the text as it is
  AddedTokens normalized_added;  // looked for after normalising
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::variant<Bpe, ScoreBpe> model;
  TokenSpelling spelling = TokenSpelling::kByteAlphabet;
  bool strip_leading_space = false;  // decode: the space that encoding put in front
  std::optional<int32_t> bos;
  int64_t size = 0;
  std::vector<std::pair<int32_t, std::string>> added_texts;  // by id
  std::vector<std::pair<std::string, int32_t>> added_ids;    // by text

  Result<std::vector<int32_t>> encode(std::string_view text, bool specials_are_text) const;
  std::string token_bytes(int32_t id) const;
  // Files the added tokens under all the names above and sets `size`; call once, last.
  void finish(const std::vector<AddedToken>& added);

 private:
  Status encode_piece(std::string_view text, bool at_start, bool specials_are_text,
                      std::vector<int32_t>& ids) const;
};

namespace tokenizer_detail {

Result<std::shared_ptr<Tokenizer::Impl>> load_tokenizer_json(std::string_view json);
Result<std::shared_ptr<Tokenizer::Impl>> load_tokenizer_gguf(const GgufFile& file);

}  // namespace tokenizer_detail

}  // namespace headwise
