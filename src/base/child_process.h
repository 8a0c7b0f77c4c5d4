// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: another program, run to its end for what it writes to its standard output. No shell has
// a part in it; it reads nothing, and what it says on standard error is lost.
//
// Thread rule: free functions without state.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// The first file of that name in the folders of PATH that may be run; nothing when there is none.
std::optional<std::filesystem::path> find_program(const std::string& name);

struct ChildLimits {
  std::chrono::milliseconds time{60000};
  size_t bytes = size_t{64} << 20;  // of output
};

// kIo: it cannot be started, ends with another status than 0 or by a signal; kResourceLimit: a limit was
// reached, and it was killed.
Result<std::string> output_of(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                              const ChildLimits& limits);

}  // namespace headwise
