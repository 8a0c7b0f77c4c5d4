// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/gguf_pre_tokenizers.h"

#include <algorithm>

namespace headwise {
namespace {

constexpr std::string_view kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// o200k: Phi-4-mini.
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// What llama.cpp calls "default".
constexpr std::string_view kDefaultPunctuation = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr std::string_view kDigitRun = R"(\p{N}+)";
constexpr std::string_view kThreeDigits = "[0-9][0-9][0-9]";

const std::vector<GgufPreTokenizer>& table() {
  static const std::vector<GgufPreTokenizer> rows = {
      {.name = "default", .patterns = {kDefaultPunctuation, kGpt2, kDigitRun, kThreeDigits}},
      {.name = "gpt-2", .patterns = {kGpt2}},
      {.name = "smollm", .individual_digits = true, .patterns = {kGpt2}},
      {.name = "starcoder", .individual_digits = true, .patterns = {kGpt2}},
      {.name = "refact", .individual_digits = true, .patterns = {kGpt2}},
      {.name = "qwen2", .patterns = {kQwen2}, .nfc = true},
      {.name = "deepseek-r1-qwen", .patterns = {kQwen2}, .nfc = true},
      {.name = "llama3", .patterns = {kLlama3}, .ignore_merges = true, .add_bos = true},
      {.name = "llama-v3", .patterns = {kLlama3}, .ignore_merges = true, .add_bos = true},
      {.name = "llama-bpe", .patterns = {kLlama3}, .ignore_merges = true, .add_bos = true},
      // cl100k: Phi-4, OLMo 2.
      {.name = "dbrx", .patterns = {kLlama3}},
      {.name = "olmo", .patterns = {kGpt2}},
      {.name = "gpt-4o", .patterns = {kGpt4o}},
      {.name = "tekken", .patterns = {kTekken}, .ignore_merges = true, .add_bos = true},
  };
  return rows;
}

}  // namespace

const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name) {
  const auto row = std::ranges::find(table(), name, &GgufPreTokenizer::name);
  return row == table().end() ? nullptr : &*row;
}

std::vector<std::string_view> gguf_pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const GgufPreTokenizer& row : table()) names.push_back(row.name);
  return names;
}

}  // namespace headwise
