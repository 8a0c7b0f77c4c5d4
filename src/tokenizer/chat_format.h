// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a chat model expects before and after the user's text, as data: ChatML, Llama 3
// headers, Mistral [INST], Gemma turns, nothing. What it is not: a prompt; src/rerank puts the user's
// segments between `opening` and `closing`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/tokenizer.h"

namespace headwise {

// Either one special token by its exact text, or text that is tokenized as any other text.
struct ChatPiece {
  bool special = false;
  std::string text;
  bool operator==(const ChatPiece&) const = default;
};

// Pieces in order. The last text piece of `opening` ("user\n") and the first of `closing` may be joined with
// the neighbouring text of a template into one segment before tokenizing (docs/method.md#prompt-and-spans).
struct ChatFormat {
  std::string name;
  std::vector<ChatPiece> opening;
  std::vector<ChatPiece> closing;
  bool bos = false;  // put Tokenizer::bos_id() in front of everything; set only when there is one
};

// The format of that name ("chatml", "llama3", "gemma", "mistral", "mistral-text", "none"); with an empty
// name the first one whose special tokens the vocabulary all has, "none" when it has none of them. kUsage for
// an unknown name (lists the names) and for a format whose special tokens this vocabulary lacks (names them).
Result<ChatFormat> find_chat_format(const Tokenizer& tokenizer, std::string_view name);

// "chatml", "llama3", ...: for help texts.
std::vector<std::string> chat_format_names();

}  // namespace headwise
