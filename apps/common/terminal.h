// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a terminal can show: its width, colours, and text cut to columns without breaking a
// character. Passages come from strangers: control characters never reach the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace headwise {

// Columns of the terminal on stdout; $COLUMNS, else 100, when stdout is not one.
int terminal_columns();
bool stdout_is_terminal();
// stdout is a terminal, NO_COLOR is not set and TERM is not "dumb".
bool colours_wanted();
// What $COLORFGBG says of the terminal's background; dark when it says nothing.
bool light_background();

// Columns that the text takes: wide East Asian characters and emoji count 2, combining marks 0.
int display_columns(std::string_view text);
// One line of at most `columns`: line ends and control characters become blanks, runs of blanks one, bytes
// that are not UTF-8 U+FFFD; "…" at the end when something was cut.
std::string cut_to_columns(std::string_view text, int columns);
// Control characters become blanks, bytes that are not UTF-8 U+FFFD: fit to be sent to a terminal.
std::string without_controls(std::string_view text);
// Spaces added behind (left_align) or in front until `columns` are filled.
std::string pad_to_columns(std::string_view text, int columns, bool left_align = true);
// A bar of eighths: share 0..1 of `columns`.
std::string bar_of(double share, int columns);
// Digits after the point so that numbers up to `largest` show four that count, at least one.
int decimals_for(double largest);

using TableRow = std::vector<std::string>;
// Columns as wide as their widest cell, two blanks between; the first `left` columns to the left, numbers to
// the right.
std::string aligned_table(const std::vector<TableRow>& rows, size_t left);

}  // namespace headwise
