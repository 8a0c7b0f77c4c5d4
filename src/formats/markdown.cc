// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/markdown.h"

#include <algorithm>
#include <optional>
#include <string>

#include "formats/text_lines.h"

namespace headwise {
namespace {

constexpr size_t kCodeIndent = 4;  // a line that far in is code, no heading and no fence
constexpr size_t kDeepest = 6;
constexpr size_t kFence = 3;

// Without its indent; nothing where that makes it code.
std::optional<std::string_view> unindented(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  if (first >= kCodeIndent || line[first] == '\t') return std::nullopt;
  return line.substr(first);
}

size_t run_of(std::string_view line, char mark) {
  return std::min(line.find_first_not_of(mark), line.size());
}

struct Heading {
  int level;
  std::string text;
};

std::optional<Heading> atx_heading(std::string_view line) {
  const auto marked = unindented(line);
  if (!marked) return std::nullopt;
  const size_t level = run_of(*marked, '#');
  std::string_view text = marked->substr(level);
  if (level == 0 || level > kDeepest || (!text.empty() && text[0] != ' ' && text[0] != '\t'))
    return std::nullopt;
  text = without_blanks(text);
  const size_t last = text.find_last_not_of('#');
  if (last == std::string_view::npos) {
    text = {};
  } else if (last + 1 < text.size() && (text[last] == ' ' || text[last] == '\t')) {
    text = without_blanks(text.substr(0, last));
  }
  return Heading{static_cast<int>(level), std::string(text)};
}

// Of the lines above it: 1 for ===, 2 for ---, else 0.
int setext_level(std::string_view line) {
  const auto marks = unindented(line);
  if (!marks) return 0;
  const std::string_view run = without_blanks(*marks);
  if (run.empty() || (run[0] != '=' && run[0] != '-') || run_of(run, run[0]) != run.size()) return 0;
  return run[0] == '=' ? 1 : 2;
}

class Fence {
 public:
  // Whether the line belongs to fenced code, its fences among it.
  bool holds(std::string_view line) {
    const auto marked = unindented(line);
    const char mark = marked ? marked->front() : ' ';
    const size_t run = marked && (mark == '`' || mark == '~') ? run_of(*marked, mark) : 0;
    if (length_ == 0) {
      // ```one`two``` is code within a line.
      if (run < kFence || (mark == '`' && marked->find('`', run) != std::string_view::npos)) return false;
      mark_ = mark;
      length_ = run;
      return true;
    }
    if (mark == mark_ && run >= length_ && is_blank(marked->substr(run))) length_ = 0;
    return true;
  }
  bool open() const { return length_ > 0; }

 private:
  char mark_ = ' ';
  size_t length_ = 0;
};

// Takes the front matter away; its title.
std::string take_front_matter(std::string_view& text) {
  LineReader lines(text);
  const auto first = lines.next();
  if (!first || first->text != "---") return {};
  std::string title;
  while (const auto line = lines.next()) {
    if (line->text == "---" || line->text == "...") {
      text.remove_prefix(static_cast<size_t>(line->text.data() + line->text.size() - text.data()));
      return title;
    }
    if (line->text.starts_with("title:")) {
      std::string_view value = without_blanks(line->text.substr(6));
      if (value.size() > 1 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0]) {
        value = value.substr(1, value.size() - 2);
      }
      title = value;
    }
  }
  return {};
}

class MarkdownReader {
 public:
  explicit MarkdownReader(Sections& to) : packer_(to) {}

  void title(std::string text) { path_.enter(0, std::move(text)); }

  void line(std::string_view line) {
    const bool within = fence_.open();
    if (fence_.holds(line)) {
      append(line);
      return;
    }
    if (!within && is_blank(line)) return end_paragraph();
    if (auto heading = atx_heading(line)) {
      end_paragraph();
      return enter(std::move(*heading));
    }
    if (const int level = setext_level(line); level > 0 && !paragraph_.empty() && !fenced_) {
      Heading heading{level, std::move(paragraph_)};
      std::replace(heading.text.begin(), heading.text.end(), '\n', ' ');
      paragraph_.clear();
      return enter(std::move(heading));
    }
    append(line);
  }

  void finish() {
    end_paragraph();
    end_section(0);
    packer_.finish();
  }

 private:
  void append(std::string_view line) {
    fenced_ = fenced_ || fence_.open();
    paragraph_ += paragraph_.empty() ? "" : "\n";
    paragraph_ += line;
  }

  void end_paragraph() {
    if (!is_blank(paragraph_)) {
      packer_.add(path_.text(), paragraph_);
      empty_ = false;
    }
    paragraph_.clear();
    fenced_ = false;
  }

  // A heading with nothing under it is a passage itself, or nobody would find it.
  void end_section(int next_level) {
    packer_.finish();
    if (empty_ && !heading_.text.empty() && next_level <= heading_.level) {
      packer_.add(path_.above(), heading_.text);
      packer_.finish();
    }
  }

  void enter(Heading heading) {
    heading.text = without_blanks(heading.text);
    end_section(heading.level);
    path_.enter(heading.level, heading.text);
    heading_ = std::move(heading);
    empty_ = true;
  }

  SectionPacker packer_;
  HeadingPath path_;
  Fence fence_;
  Heading heading_{0, {}};
  std::string paragraph_;
  bool fenced_ = false;  // the paragraph has code in it
  bool empty_ = false;   // nothing stands under the heading yet
};

}  // namespace

Sections markdown_sections(std::string_view text) {
  Sections sections;
  text = without_byte_order_mark(text);
  MarkdownReader reader(sections);
  reader.title(take_front_matter(text));
  LineReader lines(text);
  while (const auto line = lines.next()) reader.line(line->text);
  reader.finish();
  return sections;
}

}  // namespace headwise
