// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the files of web/ inside the binary (cmake/embed_web.cmake).
#pragma once

#include <span>
#include <string_view>

namespace headwise::serve {

struct WebFile {
  std::string_view name;  // "page.js"
  std::string_view text;
};
std::span<const WebFile> web_files();

}  // namespace headwise::serve
