// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/diagnostics.h"

#include <iostream>

namespace headwise {
int report_error(std::string_view verb, const Error& error, std::string_view hint) {
  std::string text = "headwise";
  if (!verb.empty()) text += " " + std::string(verb);
  text += ": " + error.message() + "\n";
  for (const std::string& doing : error.context()) text += "  while " + doing + "\n";
  if (!hint.empty()) text += "  hint: " + std::string(hint) + "\n";
  std::cerr << text << std::flush;
  return exit_status(error.code());
}

void print_note(std::string_view verb, bool quiet, std::string_view text) {
  if (quiet) return;
  std::cerr << "headwise " + std::string(verb) + ": note: " + std::string(text) + "\n" << std::flush;
}

}  // namespace headwise
