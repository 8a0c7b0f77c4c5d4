// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/home.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace headwise {

namespace {

// Where the system's list has this user; nothing where it has none.
std::optional<std::filesystem::path> home_of(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> texts(16384);
  if (::getpwnam_r(user.c_str(), &entry, texts.data(), texts.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->pw_dir;
}

}  // namespace

std::filesystem::path user_home() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return home;
  const passwd* user = ::getpwuid(::getuid());
  return user == nullptr ? "/" : user->pw_dir;
}

std::filesystem::path with_home(const std::string& path) {
  const size_t end = std::min(path.find('/'), path.size());
  const std::string first = path.substr(0, end);
  std::optional<std::filesystem::path> home;
  if (first == "~" || first == "$HOME" || first == "${HOME}") {
    home = user_home();
  } else if (first.starts_with('~')) {
    home = home_of(first.substr(1));
  }
  if (!home) return path;
  return end == path.size() ? *home : *home / path.substr(end + 1);
}

std::filesystem::path headwise_home() {
  const char* home = std::getenv("HEADWISE_HOME");
  if (home != nullptr && *home != '\0') return with_home(home);
  return user_home() / ".cache" / "headwise";
}

}  // namespace headwise
