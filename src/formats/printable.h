// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Names that came from files, made fit for messages.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"

namespace headwise {

// Quoted: valid UTF-8, no control characters, not too long.
inline std::string printable(std::string_view name, size_t longest = 80) {
  const bool cut = name.size() > longest;
  std::string text = replace_invalid_utf8(name.substr(0, longest));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return "'" + text + (cut ? "...'" : "'");
}

// Paths are shown whole: users need all of them.
inline std::string printable_path(std::string_view path) { return printable(path, 4096); }

}  // namespace headwise
