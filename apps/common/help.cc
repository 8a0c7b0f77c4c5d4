// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "common/help.h"

namespace headwise {

HelpFormat::HelpFormat() { column_width(34); }

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return {};
  // CLI11 puts the check behind the type: "TEXT:{list,blocks}", "INT:INT in [1 - 100]". The words are what
  // counts; a range is told when it is left.
  std::string type = option->get_type_name();
  const size_t colon = type.find(':');
  if (colon != std::string::npos) {
    type = type[colon + 1] == '{' ? type.substr(colon + 1) : type.substr(0, colon);
  }
  std::string text;
  if (!type.empty()) text += " " + type;
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
  if (option->get_required()) text += " (required)";
  return text;
}

std::string help_footer(const std::string& example) {
  return "Example:\n  " + example +
         "\n\nEvery flag can be an environment variable (--max-words: HEADWISE_MAX_WORDS) or a line of\n"
         "--config FILE.toml (max-words = 80, or under [verb]); the command line wins, then the variable.";
}

}  // namespace headwise
