// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where a flag's value may come from besides the command line. Command line, then
// environment variable (--max-words: HEADWISE_MAX_WORDS), then --config FILE.toml, then the default.
//
//   # headwise.toml
//   threads = 2                  # any verb that has --threads
//   [rerank]                     # this verb only
//   encoding = "list"
//   heads = "13-18,14-2"
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// One `key = value` line of a settings file.
struct Setting {
  std::string section;              // "" above the first [section]
  std::string name;                 // without dashes in front
  std::vector<std::string> values;  // one, or the elements of an array
  int line = 0;
};

// The subset of TOML that flags need: comments, [section], key = "string", 'string', number, true, false or
// an array of these, on one line or several. kInvalidInput with the line number otherwise.
Result<std::vector<Setting>> parse_settings(std::string_view text);

// "max-words" -> "HEADWISE_MAX_WORDS".
std::string environment_name(std::string_view flag);

// Gives the verb's flags their environment names once the verb is chosen, so that a variable meant for one
// verb never disturbs another.
void bind_environment(CLI::App& verb);
// Adds --config to `root`.
void bind_settings_file(CLI::App& root);

// What every verb has, once its own flags are there: --quiet, its example, the environment, values that are
// not empty, with "~" for the home; --config is read after the verb too.
void complete_verb(CLI::App& verb, bool& quiet, const std::string& example);

}  // namespace headwise
