// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: HTML as tags and text, one after another (HTML standard, the chapter on tokenization).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headwise {

struct HtmlToken {
  enum class Kind { kText, kOpen, kClose };
  Kind kind = Kind::kText;
  std::string name;    // of a tag, in small letters
  bool empty = false;  // "<svg/>": opened and closed at once, where that is allowed
  std::string text;    // of a text, its character references written out
};

class HtmlTokens {
 public:
  explicit HtmlTokens(std::string_view html) : rest_(html) {}
  // Nothing at the end. Comments, doctypes and processing instructions are passed over, as is the text of
  // elements that hold no text (script, style and their like).
  std::optional<HtmlToken> next();

 private:
  std::optional<HtmlToken> tag();
  std::string_view rest_;
  std::string raw_;  // the element whose raw text comes next
};

// "&eacute;", "&#233;" and "&#xE9;" as letters; what is no reference stays as it is.
std::string without_references(std::string_view text);

}  // namespace headwise
