// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: Markdown by its headings (CommonMark 0.31: ATX and setext headings, fenced code), as
// passages titled with the headings around them. A title in the front matter (YAML between two lines ---) is
// the outermost; the rest of it is left out. Other marks stay as they are.
#pragma once

#include <string_view>

#include "formats/section.h"

namespace headwise {

// `text` is UTF-8. Time and memory are linear in it.
Sections markdown_sections(std::string_view text);

}  // namespace headwise
