// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a tokenizer.json: an error or a tokenizer that tokenizes. What follows a NUL is the text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/utf8.h"
#include "headwise/tokenizer.h"
#include "tokenizer/chat_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = input.find('\0');
  const headwise::Result<headwise::Tokenizer> tokenizer =
      headwise::Tokenizer::from_json(input.substr(0, end));
  if (!tokenizer) return 0;
  const std::string text = headwise::replace_invalid_utf8(
      end == std::string_view::npos ? "the 12 <|im_start|>e\u0301 \u2581x's  \n" : input.substr(end + 1));
  for (const auto& ids : {tokenizer->encode(text), tokenizer->encode_with_specials(text)}) {
    if (!ids) continue;
    for (int32_t id : *ids) {
      if (id < 0 || id >= tokenizer->vocabulary_size()) __builtin_trap();
    }
    (void)tokenizer->decode(*ids);
  }
  (void)headwise::find_chat_format(*tokenizer, "");
  return 0;
}
