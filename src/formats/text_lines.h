// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Line-based text files: lines with their numbers, columns, numbers, and errors that say where. No file
// format is known here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct TextLine {
  std::string_view text;  // without its line end ("\n" or "\r\n")
  size_t number = 0;      // from 1
};

// Walks over a text line by line; a byte order mark at its start is passed over.
class LineReader {
 public:
  explicit LineReader(std::string_view text);
  // The next line, or nothing at the end.
  std::optional<TextLine> next();
  // The next line that holds more than white space.
  std::optional<TextLine> next_filled();

 private:
  std::string_view rest_;
  size_t number_ = 0;
};

bool is_blank(std::string_view text);
std::string_view without_byte_order_mark(std::string_view text);
// Columns separated by runs of blanks and tabs.
std::vector<std::string_view> split_blanks(std::string_view line);
// Columns separated by single tabs; blanks around each are dropped.
std::vector<std::string_view> split_tabs(std::string_view line);

// The whole text must be the number; a leading '+' is allowed, as atof allows it.
std::optional<double> parse_number(std::string_view text);
std::optional<int64_t> parse_integer(std::string_view text);

// kInvalidInput: "SOURCE:LINE: message".
tl::unexpected<Error> fail_at_line(std::string_view source, size_t line, std::string_view message);
// At most `limit` bytes of text in quotes, for messages; bytes that are not UTF-8 and control characters
// shown as '?'.
std::string in_quotes(std::string_view text, size_t limit = 60);
// kInvalidInput when the line is not UTF-8.
Status require_utf8(std::string_view source, const TextLine& line);

}  // namespace headwise
