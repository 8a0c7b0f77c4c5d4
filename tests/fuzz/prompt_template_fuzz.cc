// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A prompt template of the user's: any bytes give a template or an error.
#include <cstdint>
#include <string_view>

#include "rerank/prompt_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)headwise::parse_prompt_template(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
