// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/home.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace headwise {

std::filesystem::path headwise_home() {
  const char* home = std::getenv("HEADWISE_HOME");
  if (home != nullptr && *home != '\0') return home;
  home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* user = ::getpwuid(::getuid());
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return std::filesystem::path(home) / ".cache" / "headwise";
}

}  // namespace headwise
