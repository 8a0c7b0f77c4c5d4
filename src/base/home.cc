// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/home.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace headwise {

std::filesystem::path user_home() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return home;
  const passwd* user = ::getpwuid(::getuid());
  return user == nullptr ? "/" : user->pw_dir;
}

std::filesystem::path with_home(const std::string& path) {
  if (path == "~") return user_home();
  return path.starts_with("~/") ? user_home() / path.substr(2) : std::filesystem::path(path);
}

std::filesystem::path headwise_home() {
  const char* home = std::getenv("HEADWISE_HOME");
  if (home != nullptr && *home != '\0') return with_home(home);
  return user_home() / ".cache" / "headwise";
}

}  // namespace headwise
