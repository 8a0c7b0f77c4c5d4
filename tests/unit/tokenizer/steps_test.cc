// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The steps before merging: normalising and cutting, and what they do with characters that are new to the
// libraries.
#include <gtest/gtest.h>

#include <string>

#include "base/utf8.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode_update.h"

namespace headwise {
namespace {

using Texts = std::vector<std::string>;

Texts words(const PreTokenizerStep& step, const std::string& text) {
  const WordList list = *PreTokenizer({step}).split(text, true);
  Texts result;
  for (size_t i = 0; i < list.words.size(); ++i) result.emplace_back(list.word(i));
  return result;
}

PreTokenizerStep split_at_dashes(SplitBehavior behavior, bool invert = false) {
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kSplitText;
  step.text = "-";
  step.behavior = behavior;
  step.invert = invert;
  return step;
}

// The example of Hugging Face's documentation of SplitDelimiterBehavior.
TEST(PreTokenizer, Behaviours) {
  const std::string text = "the-final--countdown";
  EXPECT_EQ(words(split_at_dashes(SplitBehavior::kRemoved), text), (Texts{"the", "final", "countdown"}));
  EXPECT_EQ(words(split_at_dashes(SplitBehavior::kIsolated), text),
            (Texts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(words(split_at_dashes(SplitBehavior::kMergedWithPrevious), text),
            (Texts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(words(split_at_dashes(SplitBehavior::kMergedWithNext), text),
            (Texts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(words(split_at_dashes(SplitBehavior::kContiguous), text),
            (Texts{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(words(split_at_dashes(SplitBehavior::kRemoved, true), text), (Texts{"-", "-", "-"}));
}

TEST(PreTokenizer, Metaspace) {
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::kMetaspace;
  step.text = "_";
  EXPECT_EQ(words(step, "a b"), (Texts{"_a", "_b"}));
  EXPECT_EQ(words(step, " a"), (Texts{"_a"}));
  step.split = false;
  EXPECT_EQ(words(step, "a b"), (Texts{"_a_b"}));
  step.prepend = PreTokenizerStep::Prepend::kNever;
  EXPECT_EQ(words(step, "a b"), (Texts{"a_b"}));
  step.prepend = PreTokenizerStep::Prepend::kFirst;
  const WordList inside = *PreTokenizer({step}).split("a", false);
  EXPECT_EQ(inside.word(0), "a");
}

TEST(Normalizer, CanonicalForm) {
  const Normalizer nfc({{.kind = NormalizerStep::Kind::kNfc}});
  EXPECT_EQ(*nfc.apply("e\u0301"), "\u00e9");
  EXPECT_EQ(*nfc.apply("q\u0307\u0323"), "q\u0323\u0307");  // marks in order of their classes
  EXPECT_EQ(*nfc.apply("\u1100\u1161\u11a8"), "\uac01");
  EXPECT_EQ(*nfc.apply("\u0344"), "\u0308\u0301");  // excluded from composing
  // U+1DF6 came with Unicode 10, which Hugging Face's normalizer does not know: it stays where it is.
  EXPECT_EQ(*nfc.apply("a\u1df6\u0334"), "a\u1df6\u0334");
}

TEST(Normalizer, ManyMarksTakeNoQuadraticTime) {
  std::string marks = "a";
  for (int i = 0; i < 200000; ++i) marks += "\u0307\u0323";
  const std::string ordered = *Normalizer({{.kind = NormalizerStep::Kind::kNfc}}).apply(marks);
  EXPECT_TRUE(ordered.starts_with("\u1ea1\u0323\u0323"));  // a with dot below, then the other dots below
  EXPECT_TRUE(ordered.ends_with("\u0307\u0307"));
}

TEST(UnicodeUpdate, NewerCharactersKeepTheirLength) {
  EXPECT_EQ(with_older_characters("plain \u00e9\u4e00\U0001f600"), std::nullopt);
  for (char32_t c = 0x800; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    if (const std::optional<std::string> older = with_older_characters(text)) {
      ASSERT_EQ(older->size(), text.size()) << std::hex << static_cast<uint32_t>(c);
      ASSERT_EQ(with_older_characters(*older), std::nullopt) << std::hex << static_cast<uint32_t>(c);
    }
  }
}

TEST(AddedTokens, LongestOfTheLeftmost) {
  const auto token = [](int32_t id, const std::string& text, bool special) {
    return AddedToken{.id = id, .content = text, .pattern = text, .special = special};
  };
  const AddedTokens tokens({token(0, "<a>", true), token(1, "<a><b>", false), token(2, "b>", false)});
  const auto ids = [&](std::string_view text, bool specials_are_text) {
    std::vector<int32_t> found;
    for (const AddedTokens::Piece& piece : tokens.cut(text, specials_are_text))
      found.push_back(piece.id.value_or(-1));
    return found;
  };
  using Places = std::vector<int32_t>;
  EXPECT_EQ(ids("x<a><b>y", false), (Places{-1, 1, -1}));
  EXPECT_EQ(ids("<a><a>b>", false), (Places{0, 0, 2}));
  EXPECT_EQ(ids("<a>b>", true), (Places{-1, 2}));
}

TEST(AddedTokens, WhiteSpaceAndWholeWords) {
  const AddedTokens strips(
      {{.id = 0, .content = "<m>", .pattern = "<m>", .strip_left = true, .strip_right = true}});
  ASSERT_EQ(strips.cut("a \u3000<m> \n b", false).size(), 3u);
  EXPECT_EQ(strips.cut("a \u3000<m> \n b", false)[1].span, (Span{1, 11}));
  const AddedTokens words_only({{.id = 0, .content = "ab", .pattern = "ab", .single_word = true}});
  EXPECT_EQ(words_only.cut("abc \u00e9ab ab", false).size(), 2u);
}

}  // namespace
}  // namespace headwise
