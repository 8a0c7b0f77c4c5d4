// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/text_windows.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/utf8.h"
#include "rerank/passage_text.h"

namespace headwise {
namespace {

using Windows = std::vector<TextWindow>;

// A token for every two bytes: more where characters are long, as vocabularies have it.
Result<int64_t> half_of_bytes(std::string_view text) { return static_cast<int64_t>(text.size() / 2 + 1); }

TextWindows windows_of(std::string_view text, const WindowRules& rules) {
  auto found = text_windows(text, rules, half_of_bytes);
  EXPECT_TRUE(found) << found.error().to_string();
  return found.value_or(TextWindows{});
}

std::vector<std::string> texts(std::string_view text, const WindowRules& rules) {
  std::vector<std::string> parts;
  for (const TextWindow& window : windows_of(text, rules).windows) {
    parts.emplace_back(text.substr(window.begin, window.end - window.begin));
  }
  return parts;
}

bool starts_character(std::string_view text, size_t at) {
  return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

// What holds for windows of any text.
void check(std::string_view text, const WindowRules& rules) {
  const TextWindows found = windows_of(text, rules);
  size_t covered = 0;
  for (size_t i = 0; i < found.windows.size(); ++i) {
    const TextWindow& window = found.windows[i];
    ASSERT_LT(window.begin, window.end);
    ASSERT_LE(window.end, text.size());
    ASSERT_TRUE(starts_character(text, window.begin) && starts_character(text, window.end));
    ASSERT_FALSE(is_space(code_point_at(text, window.begin).value));
    if (window.begin > covered) {
      ASSERT_TRUE(is_white_space(text.substr(covered, window.begin - covered))) << "left out";
    }
    if (i > 0) {
      ASSERT_GT(window.begin, found.windows[i - 1].begin);
      ASSERT_GT(window.end, found.windows[i - 1].end);
    }
    covered = window.end;
    const std::string_view part = text.substr(window.begin, window.end - window.begin);
    if (rules.most_words > 0) {
      bool cut = false;
      first_words(part, static_cast<int>(rules.most_words), cut);
      ASSERT_FALSE(cut) << part;
    }
    if (rules.most_tokens > 0 && *half_of_bytes(part) > rules.most_tokens) {
      ASSERT_EQ(code_point_at(part, 0).bytes, part.size()) << "more than one character";
    }
  }
  ASSERT_EQ(found.all, is_white_space(text.substr(covered)));
  ASSERT_LE(static_cast<int64_t>(found.windows.size()), rules.most_windows);
  const TextWindows again = windows_of(text, rules);
  ASSERT_EQ(again.windows.size(), found.windows.size());
  for (size_t i = 0; i < found.windows.size(); ++i) {
    ASSERT_EQ(again.windows[i].begin, found.windows[i].begin);
    ASSERT_EQ(again.windows[i].end, found.windows[i].end);
  }
}

TEST(TextWindows, EndAndBeginWithSentences) {
  const std::string_view text =
      "One two three. Four five six seven? \"Eight nine ten.\" Eleven e.g. twelve thirteen. The end";
  EXPECT_EQ(texts(text, {.most_words = 8, .most_windows = 9}),
            (std::vector<std::string>{"One two three. Four five six seven?",
                                      "\"Eight nine ten.\" Eleven e.g. twelve thirteen.",
                                      "Eleven e.g. twelve thirteen. The end"}));
}

TEST(TextWindows, OverlapByASentenceWhereOneIsShort) {
  const std::vector<std::string> parts = texts(
      "The first of some words is long enough. Short one. Then another one that is as long as that. And "
      "more.",
      {.most_words = 10, .most_windows = 9});
  ASSERT_GE(parts.size(), 2U);
  EXPECT_TRUE(parts[0].ends_with("Short one."));
  EXPECT_TRUE(parts[1].starts_with("Short one."));
}

TEST(TextWindows, KnowStopsOfScriptsWithoutSpaces) {
  const std::string_view text = "月は地球を回る。海は一日に二度高くなる。「なぜ。」と彼は言った。";
  const std::vector<std::string> parts = texts(text, {.most_tokens = 40, .most_windows = 9});
  ASSERT_GE(parts.size(), 2U);
  EXPECT_EQ(parts[0], "月は地球を回る。海は一日に二度高くなる。");
  EXPECT_TRUE(parts.back().ends_with("「なぜ。」と彼は言った。"));
}

TEST(TextWindows, EndWithWordsWhereNoSentenceEnds) {
  EXPECT_EQ(texts("a b c d e f", {.most_words = 4, .most_windows = 9}).front(), "a b c d");
  EXPECT_EQ(texts("ab cd ef gh", {.most_tokens = 4, .most_windows = 1}).front(), "ab cd");
}

TEST(TextWindows, FirstOnesOnly) {
  const std::string text(100000, 'x');
  const TextWindows found = windows_of(text, {.most_tokens = 50, .most_windows = 3});
  EXPECT_EQ(found.windows.size(), 3U);
  EXPECT_FALSE(found.all);
}

TEST(TextWindows, OfNothingAreNone) {
  EXPECT_TRUE(windows_of("", {.most_words = 2, .most_windows = 9}).windows.empty());
  EXPECT_TRUE(windows_of(" \n\u3000", {.most_words = 2, .most_windows = 9}).windows.empty());
}

TEST(TextWindows, ASingleCharacterMayBeTooMuch) {
  EXPECT_EQ(texts("猫猫", {.most_tokens = 1, .most_windows = 9}), (std::vector<std::string>{"猫", "猫"}));
}

TEST(TextWindows, AShortRestIsReadWithMoreBeforeIt) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "Four words of it. ";
  const std::vector<std::string> parts = texts(text, {.most_words = 20, .most_windows = 9});
  ASSERT_GE(parts.size(), 2U);
  EXPECT_GE(parts.back().size() * 2, parts.front().size());
}

TEST(TextWindows, CoverAnyText) {
  const std::vector<std::string> pieces{"word",
                                        "longer-word",
                                        " ",
                                        " ",
                                        " ",
                                        "\n",
                                        "\n\n",
                                        ". ",
                                        "? ",
                                        "。",
                                        "！",
                                        "猫",
                                        "ภาษาไทย",
                                        "é",
                                        "e\u0301",
                                        "\u00A0",
                                        "\u3000",
                                        "\u200B",
                                        "👩‍👩‍👧",
                                        "שלום",
                                        std::string(1, '\0'),
                                        "!",
                                        "\"",
                                        ")",
                                        "3.14",
                                        "e.g. ",
                                        std::string(400, 'x')};
  std::mt19937_64 random(1);
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (uint64_t n = random() % 120; n > 0; --n) text += pieces[random() % pieces.size()];
    const WindowRules rules{.most_words = static_cast<int64_t>(random() % 12),
                            .most_tokens = static_cast<int64_t>(1 + random() % 60),
                            .most_windows = static_cast<int64_t>(1 + random() % 200)};
    SCOPED_TRACE("round " + std::to_string(round));
    check(text, rules);
    if (HasFatalFailure()) return;
  }
}

TEST(TextWindows, HugeTextsCostWhatIsRead) {
  for (const std::string_view unit : {"x", "猫", "a ", "Some words. ", "e\u0301", "\u0301", "👩‍👧"}) {
    std::string text;
    while (text.size() < size_t{10} << 20) text += unit;
    size_t counted = 0;
    const auto found = text_windows(text, {.most_words = 300, .most_tokens = 1024, .most_windows = 32},
                                    [&](std::string_view part) -> Result<int64_t> {
                                      counted += part.size();
                                      return static_cast<int64_t>(part.size() / 2);
                                    });
    ASSERT_TRUE(found);
    EXPECT_EQ(found->windows.size(), 32U);
    EXPECT_LT(counted, size_t{1} << 21);
  }
}

TEST(TextWindows, ErrorsOfTheCountAreTold) {
  const auto found = text_windows(
      "text", {.most_tokens = 5, .most_windows = 1},
      [](std::string_view) -> Result<int64_t> { return fail(ErrorCode::kInvalidInput, "no count"); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message(), "no count");
}

}  // namespace
}  // namespace headwise
