// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/left_out.h"

#include "formats/printable.h"

namespace headwise {
namespace {

constexpr size_t kExamples = 3;

constexpr std::array<std::string_view, kWhysLeftOut> kWords{"of a kind that is not read",
                                                            "hidden",
                                                            "linked folders",
                                                            "no files (pipes, devices, broken links)",
                                                            "unreadable",
                                                            "larger than 64 MiB",
                                                            "binary",
                                                            "not UTF-8 text (convert, e.g. with iconv)",
                                                            "PDF (install poppler's pdftotext)",
                                                            "PDF that pdftotext cannot read",
                                                            "without text"};

}  // namespace

std::string_view words_of(WhyLeftOut why) { return kWords[static_cast<size_t>(why)]; }

void LeftOut::add(WhyLeftOut why, const std::string& name) {
  Group& to = group(why);
  ++to.files;
  if (to.examples.size() < kExamples) to.examples.push_back(name);
}

void LeftOut::add(const LeftOut& other) {
  for (size_t i = 0; i < kWhysLeftOut; ++i) {
    groups_[i].files += other.groups_[i].files;
    for (const std::string& name : other.groups_[i].examples) {
      if (groups_[i].examples.size() < kExamples) groups_[i].examples.push_back(name);
    }
  }
}

int64_t LeftOut::files() const {
  int64_t sum = 0;
  for (const Group& group : groups_) sum += group.files;
  return sum;
}

std::string LeftOut::summary() const {
  const int64_t all = files();
  if (all == 0) return {};
  std::string text = std::to_string(all) + (all == 1 ? " file" : " files") + " left out: ";
  bool first = true;
  for (size_t i = 0; i < kWhysLeftOut; ++i) {
    const Group& group = groups_[i];
    if (group.files == 0) continue;
    text += (first ? "" : ", ") + std::to_string(group.files) + " " + std::string(kWords[i]) + " (";
    for (size_t e = 0; e < group.examples.size(); ++e)
      text += (e > 0 ? ", " : "") + printable(group.examples[e]);
    if (static_cast<int64_t>(group.examples.size()) < group.files) text += ", ...";
    text += ")";
    first = false;
  }
  return text;
}

}  // namespace headwise
