// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: text to token ids and back, for byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM2) and
// SentencePiece-style BPE (Llama 2, Mistral), from a Hugging Face tokenizer.json or from GGUF metadata.
//
//   auto tokenizer = headwise::Tokenizer::load("tokenizer.json");
//   std::vector<int32_t> ids = *tokenizer->encode("a passage");
//
// Thread rule: immutable after loading; every method may be called from many threads at once. Copies share
// the data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

class GgufFile;

class Tokenizer {
 public:
  // A tokenizer.json, a folder that holds one, or a .gguf file.
  static Result<Tokenizer> load(const std::filesystem::path& path);
  static Result<Tokenizer> from_json(std::string_view tokenizer_json);
  static Result<Tokenizer> from_gguf(const GgufFile& file);

  // Text only: nothing is added, and what looks like a special token is text. kInvalidInput when not UTF-8
  // (names the byte offset).
  Result<std::vector<int32_t>> encode(std::string_view text) const;
  // As `encode`, but special (added) tokens that stand in the text become their ids.
  Result<std::vector<int32_t>> encode_with_specials(std::string_view text) const;

  // The text of the ids; ids out of range are skipped. Bytes that are not UTF-8 come back as they are.
  std::string decode(const std::vector<int32_t>& ids) const;
  // One token as the bytes it stands for ("Ġthe" -> " the").
  std::string token_bytes(int32_t id) const;
  // Id of a special (added) token by its exact text ("<|im_start|>"); nothing when the vocabulary has none.
  std::optional<int32_t> special_id(std::string_view token) const;
  // Id of the beginning-of-sequence token where the model was trained with one in front; nothing otherwise.
  std::optional<int32_t> bos_id() const;
  int64_t vocabulary_size() const;
  // "byte-level BPE" or "SentencePiece BPE", for `inspect`.
  std::string kind() const;

  class Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace headwise
