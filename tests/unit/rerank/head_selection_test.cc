// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/head_selection.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

TEST(HeadSelection, ReadsWhatItWrites) {
  for (const char* text : {"all", "layers:8..11", "13-18,14-2", "0-0"}) {
    auto selection = HeadSelection::parse(text);
    ASSERT_TRUE(selection) << text;
    EXPECT_EQ(selection->to_string(), text);
  }
  EXPECT_EQ(HeadSelection::parse("8..11")->to_string(), "layers:8..11");
  EXPECT_EQ(HeadSelection::parse(" 13-18 , 14-2 ")->to_string(), "13-18,14-2");
}

TEST(HeadSelection, RefusesWhatIsNoHead) {
  for (const char* text : {"", "13", "13-", "-1-2", "a-b", "13-18,,14-2", "layers:5..2", "layers:1",
                           "13-18;14-2", "99999999999999-1"}) {
    auto selection = HeadSelection::parse(text);
    ASSERT_FALSE(selection) << text;
    EXPECT_EQ(selection.error().code(), ErrorCode::kUsage);
  }
}

TEST(HeadSelection, ResolvesAgainstTheModel) {
  EXPECT_EQ(HeadSelection::parse("all")->resolve(3, 4)->size(), 12u);
  const std::vector<HeadId> window{{1, 0}, {1, 1}, {2, 0}, {2, 1}};
  EXPECT_EQ(HeadSelection::parse("1..2")->resolve(3, 2).value(), window);
  const std::vector<HeadId> list{{2, 1}, {0, 0}};
  EXPECT_EQ(HeadSelection::parse("2-1,0-0")->resolve(3, 2).value(), list) << "the order given is kept";
  for (const char* text : {"3-0", "0-2", "1..3", "1-1,1-1"}) {
    auto resolved = HeadSelection::parse(text)->resolve(3, 2);
    ASSERT_FALSE(resolved) << text;
    EXPECT_EQ(resolved.error().code(), ErrorCode::kUsage);
  }
  EXPECT_NE(HeadSelection::parse("3-0")->resolve(3, 2).error().message().find("layers 0..2"),
            std::string::npos);
}

}  // namespace
}  // namespace headwise
