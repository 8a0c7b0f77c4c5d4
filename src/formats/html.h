// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the text of an HTML page by its headings, as passages titled with the page's title and
// the headings around them. Left out: scripts, styles, templates, navigation, forms' buttons and lists,
// pictures.
//
// A reader of tags, not a browser: it looks for what begins and ends a block of text and follows the HTML
// standard's tokens (its chapter on tokenization: tags, attributes in quotes, comments, raw text), but builds
// no tree. So unclosed and misplaced tags do no harm, and time and memory are linear, which gumbo's, Debian's
// small HTML5 parser, are not: tags within tags a hundred thousand deep take it minutes.
#pragma once

#include <string_view>

#include "formats/section.h"

namespace headwise {

// `text` is UTF-8.
Sections html_sections(std::string_view text);

}  // namespace headwise
