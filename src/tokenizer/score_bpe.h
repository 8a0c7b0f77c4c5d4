// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: SentencePiece's byte-pair encoding: of all neighbouring pieces whose joined text is a
// piece, the one with the highest score is joined first, the leftmost of equals. Source:
// google/sentencepiece/src/bpe_model.cc. What it is not: ranked merges (bpe.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/vocabulary.h"

namespace headwise {

// SentencePiece's piece types, as GGUF numbers them (tokenizer.ggml.token_type).
enum class PieceType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

class ScoreBpe {
 public:
  // Scores and types by id; kInvalidInput when their numbers differ from the vocabulary's or a score is not a
  // number.
  static Result<ScoreBpe> build(const Vocabulary& vocabulary, std::vector<float> scores,
                                std::vector<PieceType> types, std::optional<int32_t> unknown);

  // Appends the ids of a whole text whose spaces are "▁" already. `vocabulary` is the one it was built with.
  void encode(const Vocabulary& vocabulary, std::string_view text, std::vector<int32_t>& ids) const;
  PieceType type(int32_t id) const { return types_[static_cast<size_t>(id)]; }
  bool byte_fallback() const { return byte_fallback_; }

 private:
  // A piece that text can become by joining.
  std::optional<int32_t> joinable(const Vocabulary& vocabulary, std::string_view text) const;

  std::vector<uint32_t> priorities_;  // by id, the smallest is joined first
  std::vector<PieceType> types_;
  AddedTokens user_defined_;  // never split, never joined
  std::array<int32_t, 256> byte_ids_{};
  bool byte_fallback_ = false;
  std::optional<int32_t> unknown_;
};

}  // namespace headwise
