// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a page, as Markdown, as program text: sections are UTF-8, and none is empty.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "formats/html.h"
#include "formats/markdown.h"
#include "formats/text_files.h"
#include "formats/text_lines.h"

namespace {

void require_texts(const headwise::Sections& sections) {
  for (const headwise::Section& section : sections) {
    if (headwise::is_blank(section.text)) std::abort();
    if (headwise::first_invalid_utf8(section.text) || headwise::first_invalid_utf8(section.title))
      std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = headwise::text_of_bytes({reinterpret_cast<const char*>(data), size});
  if (!text) return 0;
  require_texts(headwise::plain_sections(*text));
  require_texts(headwise::markdown_sections(*text));
  require_texts(headwise::html_sections(*text));
  require_texts(headwise::code_sections(*text, "fuzz"));
  return 0;
}
