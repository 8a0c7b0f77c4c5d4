// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A byte-level tokenizer.json small enough to read: 256 bytes, three merges, chat tokens. Tests change parts
// of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tokenizer/byte_alphabet.h"

namespace headwise {

inline nlohmann::json added_token(int id, const std::string& content, bool special = true) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

inline nlohmann::json mini_tokenizer() {
  nlohmann::json vocabulary = nlohmann::json::object();
  for (int byte = 0; byte < 256; ++byte)
    vocabulary[token_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
  vocabulary["th"] = 256;
  vocabulary["the"] = 257;
  vocabulary["\u0120the"] = 258;
  return {{"version", "1.0"},
          {"added_tokens",
           {added_token(259, "<|im_start|>"), added_token(260, "<|im_end|>"),
            added_token(261, "<think>", false)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"t h", "th e", "\u0120 the"}}}}};
}

}  // namespace headwise
