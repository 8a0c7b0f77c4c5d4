// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: where headwise keeps what it downloads and builds: models in its folder models/, indexes
// in indexes/.
//
// Thread rule: reads the environment, as std::getenv.
#pragma once

#include <filesystem>
#include <string>

namespace headwise {

// $HOME, else what the system's list of users says.
std::filesystem::path user_home();
// The path with a leading "~", "$HOME" or "${HOME}" replaced by user_home(), and "~user" by that user's home
// where there is such a user, as a shell does it: where a path comes from a variable, a settings file, quotes
// or from behind a flag and "=", no shell has.
std::filesystem::path with_home(const std::string& path);

// $HEADWISE_HOME, or ~/.cache/headwise.
std::filesystem::path headwise_home();

}  // namespace headwise
