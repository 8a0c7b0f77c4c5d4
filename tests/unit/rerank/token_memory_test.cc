// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/token_memory.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

TEST(TokenMemory, ForgetsWhatWasUsedLongestAgo) {
  TokenMemory memory(600);  // three small ones
  EXPECT_EQ(memory.find("a"), nullptr);
  memory.keep("a", {1});
  memory.keep("b", {2, 3});
  memory.keep("c", {});
  ASSERT_NE(memory.find("a"), nullptr);
  EXPECT_EQ(*memory.find("a"), std::vector<int32_t>{1});
  memory.keep("d", {4});
  EXPECT_EQ(memory.find("b"), nullptr);
  ASSERT_NE(memory.find("c"), nullptr);
  EXPECT_TRUE(memory.find("c")->empty());
  EXPECT_NE(memory.find("a"), nullptr);
  EXPECT_NE(memory.find("d"), nullptr);
  EXPECT_LE(memory.bytes(), 600U);
}

TEST(TokenMemory, WhatIsTooLargeIsLeft) {
  TokenMemory memory(600);
  memory.keep("a", {1});
  memory.keep(std::string(1000, 'x'), {1});
  EXPECT_EQ(memory.find(std::string(1000, 'x')), nullptr);
  EXPECT_NE(memory.find("a"), nullptr);
  memory.keep("a", {2});
  EXPECT_EQ(*memory.find("a"), std::vector<int32_t>{1}) << "a text has its tokens for good";
}

}  // namespace
}  // namespace headwise
