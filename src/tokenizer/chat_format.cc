// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/chat_format.h"

#include <algorithm>

namespace headwise {
namespace {

ChatPiece special(std::string text) { return {true, std::move(text)}; }
ChatPiece plain(std::string text) { return {false, std::move(text)}; }

// In the order in which they are looked for.
const std::vector<ChatFormat>& formats() {
  static const std::vector<ChatFormat> table = {
      {.name = "chatml",
       .opening = {special("<|im_start|>"), plain("user\n")},
       .closing = {special("<|im_end|>"), plain("\n"), special("<|im_start|>"), plain("assistant\n")}},
      {.name = "llama3",
       .opening = {special("<|start_header_id|>"), plain("user"), special("<|end_header_id|>"),
                   plain("\n\n")},
       .closing = {special("<|eot_id|>"), special("<|start_header_id|>"), plain("assistant"),
                   special("<|end_header_id|>"), plain("\n\n")}},
      {.name = "gemma",
       .opening = {special("<start_of_turn>"), plain("user\n")},
       .closing = {special("<end_of_turn>"), plain("\n"), special("<start_of_turn>"), plain("model\n")}},
      {.name = "mistral", .opening = {special("[INST]")}, .closing = {special("[/INST]")}},
      // Llama 2 and the first Mistral models write the marks as text; nothing in a vocabulary tells.
      {.name = "mistral-text", .opening = {plain("[INST] ")}, .closing = {plain(" [/INST]")}},
      {.name = "none", .opening = {}, .closing = {}},
  };
  return table;
}

// Special tokens of the format that the vocabulary lacks, in quotes.
std::string lacking(const Tokenizer& tokenizer, const ChatFormat& format) {
  std::string missing;
  for (const std::vector<ChatPiece>* pieces : {&format.opening, &format.closing}) {
    for (const ChatPiece& piece : *pieces) {
      if (!piece.special || tokenizer.special_id(piece.text)) continue;
      missing += (missing.empty() ? "\"" : ", \"") + piece.text + "\"";
    }
  }
  return missing;
}

bool has_specials(const ChatFormat& format) {
  return std::ranges::any_of(format.opening, [](const ChatPiece& piece) { return piece.special; });
}

ChatFormat for_vocabulary(const Tokenizer& tokenizer, ChatFormat format) {
  format.bos = tokenizer.bos_id().has_value();
  return format;
}

}  // namespace

Result<ChatFormat> find_chat_format(const Tokenizer& tokenizer, std::string_view name) {
  if (name.empty()) {
    for (const ChatFormat& format : formats()) {
      if (has_specials(format) && lacking(tokenizer, format).empty())
        return for_vocabulary(tokenizer, format);
    }
    return for_vocabulary(tokenizer, formats().back());
  }
  const auto format = std::ranges::find(formats(), name, &ChatFormat::name);
  if (format == formats().end()) {
    std::string known;
    for (const std::string& other : chat_format_names()) known += (known.empty() ? "" : ", ") + other;
    return fail(ErrorCode::kUsage,
                "unknown chat format \"" + std::string(name.substr(0, 64)) + "\"; expected one of: " + known);
  }
  const std::string missing = lacking(tokenizer, *format);
  if (!missing.empty()) {
    return fail(ErrorCode::kUsage, "the chat format " + format->name + " needs the special tokens " +
                                       missing +
                                       ", which this model's vocabulary has not; choose another format");
  }
  return for_vocabulary(tokenizer, *format);
}

std::vector<std::string> chat_format_names() {
  std::vector<std::string> names;
  for (const ChatFormat& format : formats()) names.push_back(format.name);
  return names;
}

}  // namespace headwise
