// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what both programs, headwise and headwise-align, do alike around their verbs: words that
// do not parse, and errors that nobody caught.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace headwise {

// Prints a usage error with where its help is; `advice` stands before that. The exit status.
int usage_error(std::string_view verb, const std::string& message, const std::string& advice = {});
// What CLI11 threw while it parsed, --help and --version among it, printed: in the words of our own options,
// and with where a wrong value came from when that was not the command line (`words`). The exit status.
int report_parse_end(const CLI::App& root, std::string_view verb, const CLI::ParseError& end,
                     std::span<char* const> words);

// What main() got; is_typed() looks there.
void keep_typed_words(std::span<char* const> words);
// Whether a flag ("--model") stands on the command line, and is not a variable's or the settings file's: what
// somebody has set for every run contradicts nothing that this run asks for.
bool is_typed(std::string_view flag);

// A program's main: `run` gives the exit status. The library does not throw on input; what arrives here is
// memory that ran out, or a bug.
int run_program(std::string_view verb, std::string_view memory_hint, const std::function<int()>& run);

}  // namespace headwise
