// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/html_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/ascii.h"
#include "base/utf8.h"

namespace headwise {
namespace {

constexpr std::string_view kHtmlBlanks = " \t\n\f\r";

// Their text goes on to their own closing tag, whatever is in it.
constexpr std::array<std::string_view, 8> kRaw{"iframe", "noembed",  "noframes", "script",
                                               "style",  "textarea", "title",    "xmp"};
// Of those, the ones whose text is shown and has references.
constexpr std::array<std::string_view, 2> kShown{"textarea", "title"};

struct Reference {
  std::string_view name;
  char32_t letter;
};

// HTML 4.01, its set of Latin-1 entities: the letters from U+00A0 to U+00FF, in their order.
constexpr std::array<std::string_view, 96> kLatin{
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",
    "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",
    "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12",
    "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil",
    "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde",
    "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",
    "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",
    "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",
    "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};
// Others that texts are full of.
constexpr std::array<Reference, 36> kOthers{
    {{"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
     {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018}, {"rsquo", 0x2019},  {"sbquo", 0x201A},
     {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"bdquo", 0x201E}, {"hellip", 0x2026}, {"bull", 0x2022},
     {"trade", 0x2122}, {"euro", 0x20AC},  {"rarr", 0x2192},  {"larr", 0x2190},   {"minus", 0x2212},
     {"le", 0x2264},    {"ge", 0x2265},    {"ne", 0x2260},    {"asymp", 0x2248},  {"infin", 0x221E},
     {"alpha", 0x3B1},  {"beta", 0x3B2},   {"gamma", 0x3B3},  {"delta", 0x3B4},   {"mu", 0x3BC},
     {"pi", 0x3C0},     {"sigma", 0x3C3},  {"omega", 0x3C9},  {"OElig", 0x152},   {"oelig", 0x153},
     {"thinsp", 0x2009}}};
constexpr size_t kLongestReference = 10;

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// Whether `text` goes on with `word`, in whatever letters.
bool begins_with(std::string_view text, std::string_view word) {
  return same_but_for_case(text.substr(0, word.size()), word);
}

std::optional<char32_t> numbered(std::string_view digits) {
  const bool hexadecimal = digits.starts_with('x') || digits.starts_with('X');
  if (hexadecimal) digits.remove_prefix(1);
  uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, problem] = std::from_chars(digits.data(), end, value, hexadecimal ? 16 : 10);
  if (problem != std::errc() || stopped != end) return std::nullopt;
  const bool none = value == 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000);
  return none ? U'\uFFFD' : static_cast<char32_t>(value);
}

std::optional<char32_t> named(std::string_view name) {
  const auto latin = std::find(kLatin.begin(), kLatin.end(), name);
  if (latin != kLatin.end()) return static_cast<char32_t>(0xA0 + (latin - kLatin.begin()));
  const auto other = std::find_if(kOthers.begin(), kOthers.end(),
                                  [&](const Reference& reference) { return reference.name == name; });
  if (other != kOthers.end()) return other->letter;
  return std::nullopt;
}

// The end of a tag whose attributes begin here: '>' outside of quotes; all of it where there is none.
size_t end_of_tag(std::string_view text) {
  char quote = 0, before = 0;  // before: the last letter that was no blank
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '>') {
      return i;
    } else if ((c == '"' || c == '\'') && before == '=') {
      quote = c;
    }
    if (kHtmlBlanks.find(c) == std::string_view::npos) before = c;
  }
  return text.size();
}

template <size_t n>
bool among(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string without_references(std::string_view text) {
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    const size_t mark = std::min(text.find('&', at), text.size());
    plain += text.substr(at, mark - at);
    if (mark == text.size()) break;
    const std::string_view after = text.substr(mark + 1, kLongestReference + 1);
    const size_t end = after.find(';');
    std::optional<char32_t> letter;
    if (end != std::string_view::npos && end > 0) {
      letter = after[0] == '#' ? numbered(after.substr(1, end - 1)) : named(after.substr(0, end));
    }
    if (letter) {
      append_utf8(plain, *letter);
    } else {
      plain += '&';
    }
    at = mark + 1 + (letter ? end + 1 : 0);
  }
  return plain;
}

std::optional<HtmlToken> HtmlTokens::tag() {
  const bool closes = rest_.starts_with("</");
  std::string_view at = rest_.substr(closes ? 2 : 1);
  HtmlToken token{closes ? HtmlToken::Kind::kClose : HtmlToken::Kind::kOpen, {}, false, {}};
  while (!at.empty() && at[0] != '/' && at[0] != '>' && kHtmlBlanks.find(at[0]) == std::string_view::npos) {
    token.name += lower_ascii(at[0]);
    at.remove_prefix(1);
  }
  const size_t end = end_of_tag(at);
  if (end == at.size()) {  // the file ends within a tag: that is none
    rest_ = {};
    return std::nullopt;
  }
  token.empty = !closes && end > 0 && at[end - 1] == '/';
  rest_ = at.substr(end + 1);
  if (!closes && among(kRaw, token.name)) raw_ = token.name;
  return token;
}

std::optional<HtmlToken> HtmlTokens::next() {
  while (!rest_.empty()) {
    if (!raw_.empty()) {
      const std::string closing = "</" + raw_;
      size_t end = 0;
      while (end < rest_.size() && !begins_with(rest_.substr(end), closing)) {
        end = std::min(rest_.find('<', end + 1), rest_.size());
      }
      const bool shown = among(kShown, raw_);
      const std::string_view inside = rest_.substr(0, end);
      rest_.remove_prefix(end);
      raw_.clear();
      if (shown && !inside.empty())
        return HtmlToken{HtmlToken::Kind::kText, {}, false, without_references(inside)};
      continue;
    }
    if (rest_.starts_with("<!--")) {
      const size_t end = rest_.find("-->", 2);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 3);
    } else if (rest_.starts_with("<!") || rest_.starts_with("<?") ||
               (rest_.starts_with("</") && (rest_.size() < 3 || !is_letter(rest_[2])))) {
      const size_t end = rest_.find('>');
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    } else if (rest_.starts_with("</") || (rest_[0] == '<' && rest_.size() > 1 && is_letter(rest_[1]))) {
      if (auto found = tag()) return found;
    } else {
      const size_t end = std::min(rest_.find('<', 1), rest_.size());
      const std::string_view text = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return HtmlToken{HtmlToken::Kind::kText, {}, false, without_references(text)};
    }
  }
  return std::nullopt;
}

}  // namespace headwise
