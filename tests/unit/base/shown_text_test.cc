// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/shown_text.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

TEST(ShownText, ColumnsOfWideCharactersAndMarks) {
  EXPECT_EQ(display_columns("abc"), 3);
  EXPECT_EQ(display_columns("日本"), 4);
  EXPECT_EQ(display_columns("e\xCC\x81"), 1);  // e and a combining acute accent
  EXPECT_EQ(display_columns("\xFF"), 1);       // no character at all
}

TEST(ShownText, CutsBetweenCharacters) {
  EXPECT_EQ(cut_to_columns("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_to_columns("abcdefg", 6), "abcde…");
  EXPECT_EQ(cut_to_columns("日本語", 5), "日本…");
  EXPECT_EQ(cut_to_columns("  a \n\t b ", 9), "a b");
  EXPECT_EQ(cut_to_columns("abc", 0), "");
}

TEST(ShownText, NothingReachesATerminalThatWouldSteerIt) {
  EXPECT_EQ(without_controls("a\x1b[31mb\u202Ec"), "a [31mb c");
  EXPECT_EQ(without_controls("\xFF"), "\uFFFD");
}

TEST(ShownText, PadsByColumns) {
  EXPECT_EQ(pad_to_columns("日", 4), "日  ");
  EXPECT_EQ(pad_to_columns("日", 4, false), "  日");
  EXPECT_EQ(pad_to_columns("abcde", 4), "abcde");
}

}  // namespace
}  // namespace headwise
