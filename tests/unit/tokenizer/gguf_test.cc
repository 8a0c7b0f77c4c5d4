// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Tokenizers from GGUF metadata, written here byte by byte so that each test can get one key wrong.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "headwise/tokenizer.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/gguf_pre_tokenizers.h"

namespace headwise {
namespace {

using Ids = std::vector<int32_t>;

// Keys and values of a GGUF v3 file without tensors.
class Metadata {
 public:
  void text(const std::string& key, const std::string& value) { begin(key, 8), put_text(value); }
  void flag(const std::string& key, bool value) { begin(key, 7), put<uint8_t>(value ? 1 : 0); }
  void number(const std::string& key, uint32_t value) { begin(key, 4), put(value); }
  void texts(const std::string& key, const std::vector<std::string>& values) {
    begin_array(key, 8, values.size());
    for (const std::string& value : values) put_text(value);
  }
  void integers(const std::string& key, const std::vector<int32_t>& values) {
    begin_array(key, 5, values.size());
    for (int32_t value : values) put(value);
  }
  void reals(const std::string& key, const std::vector<float>& values) {
    begin_array(key, 6, values.size());
    for (float value : values) put(value);
  }
  std::string file() const {
    std::string bytes = "GGUF";
    const auto append = [&bytes](auto value) {
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    append(uint32_t{3});
    append(uint64_t{0});
    append(keys_);
    return bytes + pairs_;
  }

 private:
  template <typename T>
  void put(T value) {
    pairs_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_text(const std::string& value) { put<uint64_t>(value.size()), pairs_ += value; }
  void begin(const std::string& key, uint32_t type) { ++keys_, put_text(key), put(type); }
  void begin_array(const std::string& key, uint32_t type, size_t size) {
    begin(key, 9);
    put(type);
    put<uint64_t>(size);
  }
  uint64_t keys_ = 0;
  std::string pairs_;
};

Result<Tokenizer> load(const Metadata& metadata) {
  const std::string bytes = metadata.file();
  const Result<GgufFile> file = GgufFile::parse(std::as_bytes(std::span(bytes)));
  if (!file) return fail(file.error());
  return Tokenizer::from_gguf(*file);
}

struct ByteLevelParts {
  std::string model = "gpt2";
  std::string pre = "smollm";
  std::vector<std::string> merges = {"t h", "th e"};
  int32_t control_type = 3;
  bool types = true;
};

Metadata byte_level(const ByteLevelParts& parts = {}) {
  Metadata metadata;
  metadata.text("tokenizer.ggml.model", parts.model);
  if (!parts.pre.empty()) metadata.text("tokenizer.ggml.pre", parts.pre);
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(token_of_bytes(std::string(1, static_cast<char>(byte))));
  tokens.insert(tokens.end(), {"th", "the", "<|im_end|>"});
  std::vector<int32_t> types(tokens.size(), 1);
  types.back() = parts.control_type;
  if (!parts.types) types.pop_back();
  metadata.texts("tokenizer.ggml.tokens", tokens);
  metadata.integers("tokenizer.ggml.token_type", types);
  metadata.texts("tokenizer.ggml.merges", parts.merges);
  return metadata;
}

void expect_error(const Metadata& metadata, ErrorCode code, const std::string& part) {
  const Result<Tokenizer> tokenizer = load(metadata);
  ASSERT_FALSE(tokenizer) << part;
  EXPECT_EQ(tokenizer.error().code(), code) << tokenizer.error().to_string();
  EXPECT_NE(tokenizer.error().to_string().find(part), std::string::npos) << tokenizer.error().to_string();
}

TEST(TokenizerGguf, ByteLevel) {
  const Result<Tokenizer> tokenizer = load(byte_level());
  ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
  EXPECT_EQ(*tokenizer->encode("the1<|im_end|>"),
            (Ids{257, '1', '<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>'}));
  EXPECT_EQ(*tokenizer->encode_with_specials("the<|im_end|>"), (Ids{257, 258}));
  EXPECT_EQ(tokenizer->bos_id(), std::nullopt);
}

TEST(TokenizerGguf, EveryRowOfTheTableLoads) {
  for (const std::string_view name : gguf_pre_tokenizer_names()) {
    Metadata metadata = byte_level({.pre = std::string(name)});
    metadata.number("tokenizer.ggml.bos_token_id", 258);
    const Result<Tokenizer> tokenizer = load(metadata);
    ASSERT_TRUE(tokenizer) << name << ": " << tokenizer.error().to_string();
    EXPECT_EQ(tokenizer->decode(*tokenizer->encode("I'LL say 1234 the\u00e9!\n\n x")),
              "I'LL say 1234 the\u00e9!\n\n x")
        << name;
    EXPECT_EQ(tokenizer->bos_id().has_value(), find_gguf_pre_tokenizer(name)->add_bos) << name;
  }
}

TEST(TokenizerGguf, MistakesAreNamed) {
  expect_error(byte_level({.model = "bert"}), ErrorCode::kUnsupported, "\"bert\"");
  expect_error(byte_level({.pre = "qwen99"}), ErrorCode::kUnsupported, "\"qwen99\"");
  expect_error(byte_level({.pre = ""}), ErrorCode::kUnsupported, "tokenizer.ggml.pre");
  expect_error(byte_level({.merges = {"th"}}), ErrorCode::kInvalidInput, "with a space between");
  expect_error(byte_level({.merges = {"q q"}}), ErrorCode::kInvalidInput, "\"qq\"");
  expect_error(byte_level({.control_type = 9}), ErrorCode::kUnsupported, "token_type holds 9");
  expect_error(byte_level({.types = false}), ErrorCode::kInvalidInput, "token_type has 258");
  Metadata bos = byte_level({.pre = "llama-bpe"});
  expect_error(bos, ErrorCode::kInvalidInput, "bos_token_id");
  bos.number("tokenizer.ggml.bos_token_id", 4000000000u);
  expect_error(bos, ErrorCode::kInvalidInput, "0 to 258");
  expect_error(Metadata(), ErrorCode::kInvalidInput, "tokenizer.ggml.model");
}

Metadata sentencepiece(const std::vector<float>& scores, const std::vector<int32_t>& types) {
  Metadata metadata;
  metadata.text("tokenizer.ggml.model", "llama");
  metadata.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "\u2581", "a", "\u2581a"});
  metadata.integers("tokenizer.ggml.token_type", types);
  metadata.reals("tokenizer.ggml.scores", scores);
  metadata.number("tokenizer.ggml.unknown_token_id", 0);
  metadata.number("tokenizer.ggml.bos_token_id", 1);
  return metadata;
}

TEST(TokenizerGguf, SentencePiece) {
  const Result<Tokenizer> tokenizer = load(sentencepiece({0, 0, -1, -2, -3}, {2, 3, 1, 1, 1}));
  ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
  EXPECT_EQ(*tokenizer->encode("a a\u00e9\u00e9a"), (Ids{4, 4, 0, 3}));
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->kind(), "SentencePiece BPE");
  EXPECT_EQ(tokenizer->decode({4, 4}), "a a");
}

// Found by fuzzing: a user-defined token of half a character cut texts inside characters.
TEST(TokenizerGguf, TokensAreUtf8) {
  Metadata metadata;
  metadata.text("tokenizer.ggml.model", "llama");
  metadata.texts("tokenizer.ggml.tokens", {"<unk>", "a", "\xCC"});
  metadata.integers("tokenizer.ggml.token_type", {2, 1, 4});
  metadata.reals("tokenizer.ggml.scores", {0, -1, -2});
  expect_error(metadata, ErrorCode::kInvalidInput, "token 2 is not valid UTF-8");
}

TEST(TokenizerGguf, SentencePieceMistakesAreNamed) {
  expect_error(sentencepiece({0, 0, -1, -2}, {2, 3, 1, 1, 1}), ErrorCode::kInvalidInput, "4 scores");
  expect_error(sentencepiece({0, 0, -1, -1, -1}, {2, 3, 1, 1, 1}), ErrorCode::kUnsupported, "same score");
  expect_error(sentencepiece({0, 0, -1, NAN, -3}, {2, 3, 1, 1, 1}), ErrorCode::kInvalidInput, "not a number");
  expect_error(sentencepiece({0, 0, -1, -2, -3}, {2, 3, 1, 1, 6}), ErrorCode::kInvalidInput,
               "is a byte but reads");
  Metadata spaces = sentencepiece({0, 0, -1, -2, -3}, {2, 3, 1, 1, 1});
  spaces.flag("tokenizer.ggml.remove_extra_whitespaces", true);
  expect_error(spaces, ErrorCode::kUnsupported, "remove_extra_whitespaces");
}

}  // namespace
}  // namespace headwise
