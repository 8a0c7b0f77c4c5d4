// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the splitting rules that GGUF files name by a word (tokenizer.ggml.pre), as a table. The
// rules are those of the models' own tokenizer.json files, so a GGUF file and its original give the same ids.
// Names: llama.cpp/src/llama-vocab.cpp.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace headwise {

struct GgufPreTokenizer {
  std::string_view name;
  bool individual_digits = false;  // first of all every digit is a word
  // Applied one after the other, each cutting the words that the one before left.
  std::vector<std::string_view> patterns;
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  // when the file does not say
};

// Null when the table has no such name.
const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name);
std::vector<std::string_view> gguf_pre_tokenizer_names();

}  // namespace headwise
