// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// A build without Xapian says what it lacks and what to do instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/index.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

TEST(SearchLeftOut, SaysSo) {
  const auto index = SearchIndex::open({.corpus = "facts.txt", .index = {}, .word_frequencies = {}}, nullptr);
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(index.error().message(), HasSubstr("HEADWISE_SEARCH=OFF"));
  EXPECT_THAT(index.error().message(), HasSubstr("rerank candidates that another search engine found"));
}

}  // namespace
}  // namespace headwise
