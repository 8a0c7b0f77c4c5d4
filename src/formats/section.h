// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a file of text is made of for searching: sections, passages with a title that says
// where in the file they stand; and what readers of several kinds share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headwise {

struct Section {
  std::string title;  // may be empty
  std::string text;
};
using Sections = std::vector<Section>;

// Headings around a place, outermost first.
class HeadingPath {
 public:
  // Level 1 is the outermost; 0 is for the title of the whole.
  void enter(int level, std::string text);
  // "Guide > Install"; a heading that repeats the one above it stands once.
  std::string text() const;
  // The same without the innermost.
  std::string above() const;

 private:
  std::string joined(size_t count) const;
  std::vector<std::pair<int, std::string>> headings_;
};

// Puts paragraphs that follow one another under one title together, up to about 150 words, so that a passage
// has enough to be judged by. A longer paragraph stays whole.
class SectionPacker {
 public:
  explicit SectionPacker(Sections& to) : to_(to) {}
  void add(const std::string& title, std::string_view paragraph);
  // What was added is a passage; the next paragraph begins another.
  void finish();

 private:
  Sections& to_;
  Section open_;
  size_t words_ = 0;
};

// Without blanks at both ends.
std::string_view without_blanks(std::string_view text);

}  // namespace headwise
