// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: files of text by their endings: one table says which reader is for which.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "formats/left_out.h"
#include "formats/section.h"
#include "headwise/error.h"

namespace headwise {

// Whether there is a reader for it: text, Markdown, HTML, PDF, program text. By the ending, in any letters.
bool is_text_file(const std::filesystem::path& path);
// Of those, what a program of its own is needed for.
bool is_pdf_file(const std::filesystem::path& path);

// What stands in it, or why it is left out. `name` is what it is called in titles.
tl::expected<Sections, WhyLeftOut> read_text_file_sections(const std::filesystem::path& path,
                                                           const std::string& name);

// The readers that have no file of their own.
// Paragraphs, up to an empty line.
Sections plain_sections(std::string_view text);
// Program text: blocks that begin at the margin after an empty line, up to 40 lines together, longer ones in
// pieces of 40 lines; titled NAME:LINE.
Sections code_sections(std::string_view text, const std::string& name);

// UTF-16 with its mark as UTF-8, UTF-8 without its mark.
tl::expected<std::string, WhyLeftOut> text_of_bytes(std::string_view bytes);

}  // namespace headwise
