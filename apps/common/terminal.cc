// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace headwise {
int terminal_columns() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return std::max<int>(size.ws_col, 40);
  }
  const char* columns = std::getenv("COLUMNS");
  const int given = columns == nullptr ? 0 : std::atoi(columns);
  return given > 0 ? std::clamp(given, 40, 1000) : 100;
}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

bool colours_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

bool light_background() {
  // "ink;paper" or "ink;default;paper", numbers of the 16 colours: 7 and 15 are white.
  const char* colours = std::getenv("COLORFGBG");
  const std::string_view given = colours == nullptr ? "" : colours;
  const std::string_view paper = given.substr(std::min(given.size(), given.rfind(';') + 1));
  return paper == "7" || paper == "15";
}

std::string bar_of(double share, int columns) {
  constexpr std::array<const char*, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * columns * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[static_cast<size_t>(eighths % 8)];
}

int table_columns() {
  return stdout_is_terminal() || std::getenv("COLUMNS") != nullptr ? terminal_columns() : 0;
}

namespace {

constexpr int kGap = 2;             // between columns of a table
constexpr int kNarrowestName = 12;  // that a left column is cut to

int total(const std::vector<int>& widths, size_t begin, size_t end) {
  int sum = 0;
  for (size_t i = begin; i < end; ++i) sum += widths[i] + (i > begin ? kGap : 0);
  return sum;
}

// Takes columns off the widest left ones until the table fits, or all are as narrow as may be.
void narrow_left(std::vector<int>& widths, size_t left, int columns) {
  while (total(widths, 0, widths.size()) > columns) {
    const auto widest = std::max_element(widths.begin(), widths.begin() + static_cast<std::ptrdiff_t>(left));
    if (left == 0 || *widest <= kNarrowestName) return;
    --*widest;
  }
}

// The left columns and those from `begin` to `end`.
std::string table_part(const std::vector<TableRow>& rows, const std::vector<int>& widths, size_t left,
                       size_t begin, size_t end) {
  std::string text;
  for (const TableRow& row : rows) {
    std::string line;
    for (size_t i = 0; i < std::min(row.size(), end); ++i) {
      if (i >= left && i < begin) continue;
      const std::string cell =
          display_columns(row[i]) > widths[i] ? cut_to_columns(row[i], widths[i]) : row[i];
      line += (i > 0 ? std::string(kGap, ' ') : "") + pad_to_columns(cell, widths[i], i < left);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

std::string aligned_table(const std::vector<TableRow>& rows, size_t left, int columns) {
  std::vector<int> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_columns(row[i]));
  }
  left = std::min(left, widths.size());
  if (columns > 0) narrow_left(widths, left, columns);
  std::string text;
  for (size_t begin = left; begin < widths.size() || text.empty();) {
    size_t end = widths.size();
    const int before = left > 0 ? total(widths, 0, left) + kGap : 0;
    while (columns > 0 && end > begin + 1 && before + total(widths, begin, end) > columns) --end;
    text += (text.empty() ? "" : "\n") + table_part(rows, widths, left, begin, end);
    begin = end;
    if (rows.empty()) break;
  }
  return text;
}

}  // namespace headwise
