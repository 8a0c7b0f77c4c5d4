// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/section.h"

#include "formats/text_lines.h"

namespace headwise {
namespace {

constexpr size_t kSectionWords = 150;

}  // namespace

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\v\f\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

void HeadingPath::enter(int level, std::string text) {
  while (!headings_.empty() && headings_.back().first >= level) headings_.pop_back();
  if (!text.empty()) headings_.emplace_back(level, std::move(text));
}

std::string HeadingPath::joined(size_t count) const {
  std::string path;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && headings_[i].second == headings_[i - 1].second) continue;
    path += (path.empty() ? "" : " > ") + headings_[i].second;
  }
  return path;
}

std::string HeadingPath::text() const { return joined(headings_.size()); }
std::string HeadingPath::above() const { return headings_.empty() ? "" : joined(headings_.size() - 1); }

void SectionPacker::add(const std::string& title, std::string_view paragraph) {
  if (is_blank(paragraph)) return;
  const size_t words = split_blanks(paragraph).size();
  if (!open_.text.empty() && (title != open_.title || words_ + words > kSectionWords)) finish();
  open_.title = title;
  open_.text += open_.text.empty() ? "" : "\n\n";
  open_.text += paragraph;
  words_ += words;
}

void SectionPacker::finish() {
  if (!open_.text.empty()) to_.push_back(std::move(open_));
  open_ = {};
  words_ = 0;
}

}  // namespace headwise
