// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the program as its own table of verbs and flags has it, for the man page and for the
// completions of shells, which are never written by hand.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace headwise {

struct DescribedFlag {
  std::string name;    // "--top-k"
  std::string letter;  // "-m", or empty
  bool takes_value = true;
  std::string value;               // "INT", "{list,blocks}"
  std::vector<std::string> words;  // those that the value may be, where it is one of a few
  std::string fallback;            // the default, as --help has it
  std::string help;
  std::string group;
};

struct DescribedVerb {
  std::string name;  // "rerank", "heads score"; empty: the program's own flags
  std::string purpose;
  std::string example;
  std::vector<DescribedFlag> flags;
};

// The program itself first, then its verbs in their order; groups of verbs are not among them.
std::vector<DescribedVerb> describe_program(const CLI::App& root);

std::string man_page(const std::vector<DescribedVerb>& program, const std::string& version);
std::string bash_completion(const std::vector<DescribedVerb>& program);
std::string zsh_completion(const std::vector<DescribedVerb>& program);
std::string fish_completion(const std::vector<DescribedVerb>& program);

}  // namespace headwise
