// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/text_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwise {
namespace {

using ::testing::ElementsAre;

TEST(TextLines, NumbersLinesAndDropsLineEnds) {
  LineReader lines(
      "\xEF\xBB\xBF"
      "a\r\n\n \t\nb");
  std::vector<std::pair<size_t, std::string>> found;
  while (auto line = lines.next_filled()) found.emplace_back(line->number, line->text);
  EXPECT_THAT(found,
              ElementsAre(std::pair<size_t, std::string>(1, "a"), std::pair<size_t, std::string>(4, "b")));
  EXPECT_FALSE(LineReader("").next());
}

TEST(TextLines, Columns) {
  EXPECT_THAT(split_blanks(" a\t\tb  c "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_blanks("   "), ElementsAre());
  EXPECT_THAT(split_tabs(" a b\t\tc "), ElementsAre("a b", "", "c"));
}

TEST(TextLines, Numbers) {
  EXPECT_EQ(parse_number("+1.5e2"), 150.0);
  EXPECT_EQ(parse_number("-.5"), -0.5);
  EXPECT_FALSE(parse_number("+-1"));
  EXPECT_FALSE(parse_number("1,5"));
  EXPECT_FALSE(parse_number(""));
  EXPECT_EQ(parse_integer("-7"), -7);
  EXPECT_FALSE(parse_integer("7.0"));
  EXPECT_FALSE(parse_integer("9223372036854775808"));
}

TEST(TextLines, QuotesAreSafeToPrint) {
  EXPECT_EQ(in_quotes("a\x1B[31mb\xFF\tc"), "'a?[31mb? c'");
  EXPECT_EQ(in_quotes("\xC3\xA9\xC3\xA9", 3), "'\xC3\xA9...'");
}

}  // namespace
}  // namespace headwise
