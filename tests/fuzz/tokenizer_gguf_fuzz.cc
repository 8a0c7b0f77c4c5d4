// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a GGUF file with a tokenizer: an error or a tokenizer that tokenizes.
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/gguf.h"
#include "headwise/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const headwise::Result<headwise::GgufFile> file =
      headwise::GgufFile::parse(std::as_bytes(std::span(data, size)));
  if (!file) return 0;
  const headwise::Result<headwise::Tokenizer> tokenizer = headwise::Tokenizer::from_gguf(*file);
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode_with_specials("the 12 <s> e\u0301 \u2581x's ###\n");
  if (!ids) return 0;
  for (int32_t id : *ids) {
    if (id < 0 || id >= tokenizer->vocabulary_size()) __builtin_trap();
  }
  (void)tokenizer->decode(*ids);
  return 0;
}
