// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what every report page is made of: the frame of a page that needs nothing else (no
// script, no address outside, light or dark as the reader's system is set), escaped text.
#pragma once

#include <string>
#include <string_view>

#include "base/digits.h"

namespace headwise {

// A whole page. `title` and `heading` are plain text, `body` is HTML.
std::string html_page(std::string_view title, std::string_view heading, std::string_view body);
// A small name above a large value, for a row of class "facts". Both are HTML.
std::string html_fact(std::string_view name, std::string_view value);
// Text for an HTML element or attribute: markup escaped, control characters and bytes that are not UTF-8
// replaced.
std::string html_text(std::string_view text);

}  // namespace headwise
