// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/utf8.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

TEST(Utf8, RoundTripsEveryCodePoint) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    std::string text;
    append_utf8(text, c);
    auto decoded = decode_utf8(text);
    if (c >= 0xD800 && c <= 0xDFFF) {
      EXPECT_FALSE(decoded) << "surrogate " << static_cast<uint32_t>(c);
      continue;
    }
    ASSERT_TRUE(decoded) << static_cast<uint32_t>(c);
    EXPECT_EQ(decoded->value, c);
    EXPECT_EQ(decoded->bytes, text.size());
  }
}

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(first_invalid_utf8("plain, \xC3\xA9, \xF0\x9F\x98\x80"), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("ab\xFF"), 2u);
  EXPECT_EQ(first_invalid_utf8("ab\xC0\xAF"), 2u);         // overlong '/'
  EXPECT_EQ(first_invalid_utf8("\xED\xA0\x80"), 0u);       // surrogate
  EXPECT_EQ(first_invalid_utf8("x\xF4\x90\x80\x80"), 1u);  // past U+10FFFF
  EXPECT_EQ(first_invalid_utf8("x\xE2\x82"), 1u);          // cut short
}

TEST(Utf8, ReplacesMaximalPartsAsPythonDoes) {
  // bytes(b'a\xf1\x80\x80\xe1\x80\xc2b\x80c\x80\xbfd').decode('utf8', 'replace'), the example of Unicode
  // table 3-8.
  EXPECT_EQ(replace_invalid_utf8("a\xF1\x80\x80\xE1\x80\xC2"
                                 "b\x80"
                                 "c\x80\xBF"
                                 "d"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
}

}  // namespace
}  // namespace headwise
