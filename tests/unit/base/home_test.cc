// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/home.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace headwise {
namespace {

TEST(Home, StandsForItsShortForms) {
  const char* before = std::getenv("HOME");
  const std::string kept = before == nullptr ? "" : before;
  ASSERT_EQ(::setenv("HOME", "/somewhere/me", 1), 0);
  for (const char* home : {"~", "$HOME", "${HOME}"}) {
    const std::string start = home;
    EXPECT_EQ(with_home(start), "/somewhere/me");
    EXPECT_EQ(with_home(start + "/"), "/somewhere/me/");
    EXPECT_EQ(with_home(start + "/a/~/b"), "/somewhere/me/a/~/b");
  }
  for (const char* other :
       {"", "a", "/~/a", "./~", "a/~", "$HOMES/a", "${HOME/a", "$ANY/a", "~no-such-user/a", "redis://a/0"}) {
    EXPECT_EQ(with_home(other), other);
  }
  ASSERT_EQ(before == nullptr ? ::unsetenv("HOME") : ::setenv("HOME", kept.c_str(), 1), 0);
}

TEST(Home, OfAnotherUser) {
  const passwd* user = ::getpwuid(::getuid());
  if (user == nullptr) GTEST_SKIP() << "hardware: this user has no name";
  const std::string name = user->pw_name, home = user->pw_dir;
  EXPECT_EQ(with_home("~" + name), home);
  EXPECT_EQ(with_home("~" + name + "/models/a.gguf"), home + "/models/a.gguf");
}

}  // namespace
}  // namespace headwise
