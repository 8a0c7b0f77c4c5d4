// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: flags made from the table of options (engine/options.h), for every verb with an engine
// (headwise/engine.h).
#pragma once

#include <CLI/CLI.hpp>
#include <string_view>

#include "headwise/engine.h"

namespace headwise {

// How one verb shows an option that verbs place themselves.
struct FlagLook {
  const char* group;
  const char* help;
  bool default_shown = true;
};
// A flag that puts what the user gives into `settings`, which must outlive the verb. What stands there
// already is the verb's own default.
CLI::Option* add_option_flag(CLI::App& verb, EngineSettings& settings, std::string_view name, FlagLook look);

// --score and --min-score, for verbs that show scores of rankings.
void add_score_flags(CLI::App& verb, EngineSettings& settings, const char* group);
// All options but those that verbs place themselves (--top-k, --score, --min-score).
void add_engine_flags(CLI::App& verb, EngineSettings& settings);

}  // namespace headwise
