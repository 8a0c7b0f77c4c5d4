// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/passage_text.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

std::string cut_after(std::string_view text, int n, bool expect_cut) {
  bool cut = false;
  std::string kept(first_words(text, n, cut));
  EXPECT_EQ(cut, expect_cut) << text << " after " << n;
  return kept;
}

TEST(PassageText, KeepsWhiteSpaceBetweenWords) {
  EXPECT_EQ(cut_after("one  two\nthree four", 3, true), "one  two\nthree");
  EXPECT_EQ(cut_after("  one two  ", 2, false), "  one two  ");
  EXPECT_EQ(cut_after("one two", 0, false), "one two");
  EXPECT_EQ(cut_after("", 3, false), "");
  EXPECT_EQ(cut_after("one", 1, false), "one");
  EXPECT_EQ(cut_after("one two", 1, true), "one");
}

TEST(PassageText, KnowsPythonsWhiteSpace) {
  EXPECT_EQ(cut_after("a\u00A0b\u3000c\u2003d", 2, true), "a\u00A0b");
  EXPECT_EQ(cut_after("a\u200Bb c", 1, true), "a\u200Bb") << "a zero width space is no white space";
  EXPECT_TRUE(is_white_space(" \t\n\u00A0\u2028\x1C"));
  EXPECT_FALSE(is_white_space(" . "));
}

TEST(PassageText, KnowsWhatCannotBeRead) {
  for (const char* blank :
       {"", " \t", "\u200B", "\uFEFF\u00A0", "\u2060\u200D\u202E", "\x01\x7F", "\u00AD"}) {
    EXPECT_TRUE(is_invisible(blank)) << blank;
  }
  EXPECT_TRUE(is_invisible(std::string_view("\0\0", 2)));
  for (const char* text : {".", "\u0301", "\u200Bx", "\uFFFD", "\xFF"})
    EXPECT_FALSE(is_invisible(text)) << text;
}

TEST(PassageText, PutsTheTitleOnALineOfItsOwn) {
  EXPECT_EQ(passage_text({.id = "", .title = "T", .text = "x", .first_stage_score = {}}), "T\nx");
  EXPECT_EQ(passage_text({.id = "", .title = "", .text = "x", .first_stage_score = {}}), "x");
}

}  // namespace
}  // namespace headwise
