// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/html.h"

#include <algorithm>
#include <array>
#include <string>

#include "formats/html_tokens.h"
#include "formats/text_lines.h"

namespace headwise {
namespace {

enum class TagDoes { kNothing, kParagraph, kLine, kHide, kHeading, kTitle, kKeepLines, kCell };

struct TagRow {
  std::string_view name;
  TagDoes does;
};

// Sorted. A name that is not here stands within a line (a, b, span, whatever is made up).
constexpr std::array<TagRow, 64> kTags{{{"address", TagDoes::kParagraph},
                                        {"article", TagDoes::kParagraph},
                                        {"aside", TagDoes::kParagraph},
                                        {"audio", TagDoes::kHide},
                                        {"blockquote", TagDoes::kParagraph},
                                        {"body", TagDoes::kParagraph},
                                        {"br", TagDoes::kLine},
                                        {"button", TagDoes::kHide},
                                        {"canvas", TagDoes::kHide},
                                        {"caption", TagDoes::kLine},
                                        {"dd", TagDoes::kLine},
                                        {"details", TagDoes::kParagraph},
                                        {"dialog", TagDoes::kParagraph},
                                        {"div", TagDoes::kParagraph},
                                        {"dl", TagDoes::kParagraph},
                                        {"dt", TagDoes::kLine},
                                        {"fieldset", TagDoes::kParagraph},
                                        {"figcaption", TagDoes::kParagraph},
                                        {"figure", TagDoes::kParagraph},
                                        {"footer", TagDoes::kParagraph},
                                        {"form", TagDoes::kParagraph},
                                        {"h1", TagDoes::kHeading},
                                        {"h2", TagDoes::kHeading},
                                        {"h3", TagDoes::kHeading},
                                        {"h4", TagDoes::kHeading},
                                        {"h5", TagDoes::kHeading},
                                        {"h6", TagDoes::kHeading},
                                        {"head", TagDoes::kParagraph},
                                        {"header", TagDoes::kParagraph},
                                        {"hr", TagDoes::kParagraph},
                                        {"html", TagDoes::kParagraph},
                                        {"li", TagDoes::kLine},
                                        {"main", TagDoes::kParagraph},
                                        {"math", TagDoes::kHide},
                                        {"menu", TagDoes::kParagraph},
                                        {"nav", TagDoes::kHide},
                                        {"noscript", TagDoes::kHide},
                                        {"object", TagDoes::kHide},
                                        {"ol", TagDoes::kParagraph},
                                        {"optgroup", TagDoes::kHide},
                                        {"p", TagDoes::kParagraph},
                                        {"pre", TagDoes::kKeepLines},
                                        {"script", TagDoes::kNothing},
                                        {"search", TagDoes::kParagraph},
                                        {"section", TagDoes::kParagraph},
                                        {"select", TagDoes::kHide},
                                        {"style", TagDoes::kNothing},
                                        {"summary", TagDoes::kParagraph},
                                        {"svg", TagDoes::kHide},
                                        {"table", TagDoes::kParagraph},
                                        {"tbody", TagDoes::kLine},
                                        {"td", TagDoes::kCell},
                                        {"template", TagDoes::kHide},
                                        {"textarea", TagDoes::kHide},
                                        {"tfoot", TagDoes::kLine},
                                        {"th", TagDoes::kCell},
                                        {"thead", TagDoes::kLine},
                                        {"title", TagDoes::kTitle},
                                        {"tr", TagDoes::kLine},
                                        {"tt", TagDoes::kNothing},
                                        {"ul", TagDoes::kParagraph},
                                        {"video", TagDoes::kHide},
                                        {"wbr", TagDoes::kNothing},
                                        {"xmp", TagDoes::kNothing}}};

TagDoes what_does(std::string_view name) {
  const auto row =
      std::lower_bound(kTags.begin(), kTags.end(), name,
                       [](const TagRow& tag, std::string_view wanted) { return tag.name < wanted; });
  return row != kTags.end() && row->name == name ? row->does : TagDoes::kNothing;
}

class HtmlReader {
 public:
  explicit HtmlReader(Sections& to) : packer_(to) {}

  void take(const HtmlToken& token) {
    if (!hidden_.empty()) return within_hidden(token);
    if (token.kind == HtmlToken::Kind::kText) return text(token.text);
    const bool opens = token.kind == HtmlToken::Kind::kOpen;
    switch (what_does(token.name)) {
      case TagDoes::kNothing:
        return;
      case TagDoes::kParagraph:
        return end_paragraph();
      case TagDoes::kLine:
        return end_line();
      case TagDoes::kCell:
        blank_ = true;
        return;
      case TagDoes::kHide:
        if (opens && !token.empty) {
          end_paragraph();
          hidden_ = token.name;
          depth_ = 1;
        }
        return;
      case TagDoes::kHeading:
      case TagDoes::kTitle:
        end_paragraph();
        if (opens) level_ = what_does(token.name) == TagDoes::kTitle ? 0 : token.name[1] - '0';
        return;
      case TagDoes::kKeepLines:
        end_paragraph();
        keep_lines_ = opens;
        return;
    }
  }

  void finish() {
    end_paragraph();
    packer_.finish();
  }

 private:
  static constexpr int kNone = -1;

  // Until its own closing tag; one that is never closed hides the rest.
  void within_hidden(const HtmlToken& token) {
    if (token.name != hidden_ || token.kind == HtmlToken::Kind::kText || token.empty) return;
    depth_ += token.kind == HtmlToken::Kind::kOpen ? 1 : -1;
    if (depth_ == 0) hidden_.clear();
  }

  void text(std::string_view added) {
    if (keep_lines_) {
      paragraph_ += added;
      return;
    }
    for (const char c : added) {
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        blank_ = true;
        continue;
      }
      if (blank_ && !paragraph_.empty() && paragraph_.back() != '\n') paragraph_ += ' ';
      blank_ = false;
      paragraph_ += c;
    }
  }

  void end_line() {
    blank_ = false;
    if (!paragraph_.empty() && paragraph_.back() != '\n') paragraph_ += '\n';
  }

  // The end of a heading, too: one that is not closed ends with the next block.
  void end_paragraph() {
    std::string_view done = paragraph_;
    while (!done.empty() && is_blank(done.substr(done.size() - 1))) done.remove_suffix(1);
    if (level_ != kNone) {
      std::string heading(without_blanks(done));
      std::replace(heading.begin(), heading.end(), '\n', ' ');
      path_.enter(level_, std::move(heading));
      level_ = kNone;
    } else {
      packer_.add(path_.text(), done);
    }
    paragraph_.clear();
    blank_ = false;
  }

  SectionPacker packer_;
  HeadingPath path_;
  std::string paragraph_;
  std::string hidden_;  // the element that hides what is in it
  int depth_ = 0;       // how many of its name are open
  int level_ = kNone;   // of the heading that is open
  bool blank_ = false;  // a blank stands before what comes next
  bool keep_lines_ = false;
};

}  // namespace

Sections html_sections(std::string_view text) {
  Sections sections;
  HtmlTokens tokens(without_byte_order_mark(text));
  HtmlReader reader(sections);
  while (const auto token = tokens.next()) reader.take(*token);
  reader.finish();
  return sections;
}

}  // namespace headwise
