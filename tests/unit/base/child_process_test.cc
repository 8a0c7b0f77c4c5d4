// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Another program's output, and what stops it.
#include "base/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwise {
namespace {

using ::testing::HasSubstr;

TEST(FindProgram, LooksThroughPath) {
  ASSERT_TRUE(find_program("sh"));
  EXPECT_TRUE(find_program("sh")->is_absolute());
  EXPECT_FALSE(find_program("no-program-has-this-name"));
}

TEST(ChildProcess, GivesWhatItWrites) {
  const auto echo = find_program("echo");
  ASSERT_TRUE(echo);
  // No shell looks at the words.
  EXPECT_EQ(*output_of(*echo, {"$HOME", ";", "a b", "*"}, {}), "$HOME ; a b *\n");
  EXPECT_EQ(*output_of(*find_program("cat"), {}, {}), "");  // nothing to read
}

TEST(ChildProcess, MayFail) {
  const auto ended = output_of(*find_program("sh"), {"-c", "echo x; exit 3"}, {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), ErrorCode::kIo);
  EXPECT_THAT(ended.error().message(), HasSubstr("status 3"));
  EXPECT_THAT(output_of(*find_program("sh"), {"-c", "kill -9 $$"}, {}).error().message(),
              HasSubstr("status 137"));
  EXPECT_THAT(output_of("/nowhere/program", {}, {}).error().message(), HasSubstr("cannot be started"));
}

TEST(ChildProcess, IsStoppedAtItsLimits) {
  const auto slow = output_of(*find_program("sleep"), {"600"}, {.time = std::chrono::milliseconds(50)});
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code(), ErrorCode::kResourceLimit);
  const auto large = output_of(*find_program("yes"), {}, {.bytes = 100000});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code(), ErrorCode::kResourceLimit);
}

}  // namespace
}  // namespace headwise
