// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: text as it is shown: how many columns it takes, cut and padded to columns without
// breaking a character. Passages come from strangers: control characters never reach a terminal or a page.
#pragma once

#include <string>
#include <string_view>

namespace headwise {

// Columns that the text takes: wide East Asian characters and emoji count 2, combining marks 0.
int display_columns(std::string_view text);
// One line of at most `columns`: line ends and control characters become blanks, runs of blanks one, bytes
// that are not UTF-8 U+FFFD; "…" at the end when something was cut.
std::string cut_to_columns(std::string_view text, int columns);
// Control characters become blanks, bytes that are not UTF-8 U+FFFD: fit to be sent to a terminal.
std::string without_controls(std::string_view text);
// Spaces added behind (left_align) or in front until `columns` are filled.
std::string pad_to_columns(std::string_view text, int columns, bool left_align = true);

}  // namespace headwise
