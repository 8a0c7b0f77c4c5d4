// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the terminal on stdout: its width and colours, bars and tables of text. Text that fits
// it is base/shown_text.h's.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/shown_text.h"

namespace headwise {

// Columns of the terminal on stdout; $COLUMNS, else 100, when stdout is not one.
int terminal_columns();
bool stdout_is_terminal();
// Columns that a table may fill: those of the terminal, or $COLUMNS; 0, any number, when there is neither,
// for a program that reads on wants every column on its line.
int table_columns();
// stdout is a terminal, NO_COLOR is not set and TERM is not "dumb".
bool colours_wanted();
// What $COLORFGBG says of the terminal's background; dark when it says nothing.
bool light_background();

// A bar of eighths: share 0..1 of `columns`.
std::string bar_of(double share, int columns);
using TableRow = std::vector<std::string>;
// Columns as wide as their widest cell, two blanks between; the first `left` columns to the left, numbers to
// the right. Where that is wider than `columns` (0: any width), the left ones are cut to a dozen, and what
// still does not fit follows as a table below, with the left ones again.
std::string aligned_table(const std::vector<TableRow>& rows, size_t left, int columns);
// For stdout.
inline std::string aligned_table(const std::vector<TableRow>& rows, size_t left) {
  return aligned_table(rows, left, table_columns());
}

}  // namespace headwise
