// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how --help looks: CLI11's layout without the environment name after every flag (the
// footer says the rule once), and an example at the end.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace headwise {

class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat();
  std::string make_option_opts(const CLI::Option* option) const override;
};

// "Example:\n  headwise ...", then where flags may come from.
std::string help_footer(const std::string& example);

}  // namespace headwise
