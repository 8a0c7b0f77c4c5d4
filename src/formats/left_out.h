// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what of a folder is not read, and why: told, never an error.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headwise {

enum class WhyLeftOut {
  kKind,        // no reader is for it
  kHidden,      // its name begins with a dot
  kFolderLink,  // a link to a folder, which may be one of those above
  kNoFile,      // a link to nothing, a pipe, a device
  kUnreadable,
  kTooLarge,
  kBinary,
  kNotUtf8,
  kNoPdfProgram,
  kBadPdf,
  kNoText
};
inline constexpr size_t kWhysLeftOut = 11;

// "not UTF-8 text": as it stands after a number of files.
std::string_view words_of(WhyLeftOut why);

// The largest file that is read.
inline constexpr size_t kLargestTextFile = size_t{64} << 20;

class LeftOut {
 public:
  struct Group {
    int64_t files = 0;                  // a hidden folder is one
    std::vector<std::string> examples;  // the first of them
  };
  void add(WhyLeftOut why, const std::string& name);
  void add(const LeftOut& other);
  int64_t files() const;
  const Group& group(WhyLeftOut why) const { return groups_[static_cast<size_t>(why)]; }
  Group& group(WhyLeftOut why) { return groups_[static_cast<size_t>(why)]; }
  // "3 files left out: 2 of a kind that is not read ('a.png', 'b.zip'), 1 hidden ('.git')"; empty when none
  // was.
  std::string summary() const;

 private:
  std::array<Group, kWhysLeftOut> groups_;
};

}  // namespace headwise
