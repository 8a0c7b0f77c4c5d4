// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The libraries inside the program, or linked with it, and their licences: packaging/licences.tsv, put in by
// cmake/embed_licences.cmake.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace headwise {

struct Licence {
  std::string_view library;
  std::string_view licence;  // SPDX
};

std::span<const Licence> licences();

// What `headwise --version` prints: the version in a line of its own, then what is inside.
std::string version_text();

}  // namespace headwise
