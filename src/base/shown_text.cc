// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/shown_text.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/utf8.h"

namespace headwise {
namespace {

struct Range {
  char32_t first, last;
};

// Blocks, not single characters: enough to keep columns straight for real text (Unicode 15, EastAsianWidth W
// and F; general categories Mn, Me, Cf).
constexpr std::array kWide{Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0x33FF},
                           Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},
                           Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
                           Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
                           Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD}};
constexpr std::array kZero{Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD},
                           Range{0x064B, 0x065F}, Range{0x0900, 0x0902}, Range{0x093C, 0x093C},
                           Range{0x0941, 0x0948}, Range{0x094D, 0x094D}, Range{0x0E31, 0x0E31},
                           Range{0x0E34, 0x0E3A}, Range{0x0E47, 0x0E4E}, Range{0x1AB0, 0x1AFF},
                           Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200F}, Range{0x202A, 0x202E},
                           Range{0x2060, 0x206F}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F},
                           Range{0xFE20, 0xFE2F}, Range{0xFEFF, 0xFEFF}, Range{0xE0000, 0xE0FFF}};

template <size_t n>
bool within(const std::array<Range, n>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

int columns_of(char32_t c) {
  if (c < 0x300) return 1;
  return within(kZero, c) ? 0 : within(kWide, c) ? 2 : 1;
}

// C0, DEL, C1, and the marks that reorder or end lines: none may be sent to a terminal.
bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

int display_columns(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    const auto next = decode_utf8(text);
    columns += next ? columns_of(next->value) : 1;
    text.remove_prefix(next ? next->bytes : 1);
  }
  return columns;
}

std::string cut_to_columns(std::string_view text, int columns) {
  if (columns <= 0) return {};
  std::string line;
  int used = 0;
  size_t last_fit = 0;  // where the line must end for "…" to fit behind it
  bool blank = true;    // leading blanks go
  const std::string clean = replace_invalid_utf8(text.substr(0, static_cast<size_t>(columns) * 64));
  std::string_view rest = clean;
  while (!rest.empty()) {
    const auto next = decode_utf8(rest);
    const std::string_view bytes = rest.substr(0, next ? next->bytes : 1);
    rest.remove_prefix(bytes.size());
    const char32_t c = next ? next->value : U'?';
    if (is_control(c) || c == U' ') {
      if (blank) continue;
      blank = true;
    } else {
      blank = false;
    }
    const int width = blank ? 1 : columns_of(c);
    if (used + width > columns) {
      if (blank && rest.find_first_not_of(" \t\r\n") == std::string_view::npos) break;
      line.resize(last_fit);
      return line + "…";
    }
    line += blank ? std::string_view(" ") : bytes;
    used += width;
    if (used < columns) last_fit = line.size();
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

std::string without_controls(std::string_view text) {
  std::string clean;
  const std::string valid = replace_invalid_utf8(text);
  for (std::string_view rest = valid; !rest.empty();) {
    const auto next = decode_utf8(rest);
    const size_t bytes = next ? next->bytes : 1;
    clean += next && !is_control(next->value) ? rest.substr(0, bytes) : std::string_view(" ");
    rest.remove_prefix(bytes);
  }
  return clean;
}

std::string pad_to_columns(std::string_view text, int columns, bool left_align) {
  const std::string blanks(static_cast<size_t>(std::max(0, columns - display_columns(text))), ' ');
  return left_align ? std::string(text) + blanks : blanks + std::string(text);
}

}  // namespace headwise
