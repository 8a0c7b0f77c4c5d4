// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/passage_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwise {
namespace {

using ::testing::ElementsAre;

Passage passage(std::string text, std::string title = {}) {
  return {.id = "x", .title = std::move(title), .text = std::move(text), .first_stage_score = {}};
}

// A token a byte.
Result<int64_t> bytes(const std::string& text) { return static_cast<int64_t>(text.size()); }

std::vector<PartText> parts_of(const std::vector<Passage>& passages, const PartRules& rules) {
  auto parts = divide_passages(passages, rules, bytes);
  EXPECT_TRUE(parts) << parts.error().to_string();
  return parts.value_or(std::vector<PartText>{});
}

TEST(PassageParts, WhatFitsIsOnePartWhateverIsDoneWithTheRest) {
  for (const LongPassages kind : {LongPassages::kCut, LongPassages::kChunk}) {
    const auto parts =
        parts_of({passage("  one two ", "T")},
                 {.long_passages = kind, .most_words = 3, .most_tokens = 100, .most_windows = 4});
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].text, "T\n  one two ");
    EXPECT_FALSE(parts[0].part.truncated);
    EXPECT_FALSE(parts[0].part.window);
  }
}

TEST(PassageParts, ALongOneIsCutOrReadInWindows) {
  const std::vector<Passage> passages{passage("A b. C d. E f. G h.", "T")};
  PartRules rules{.long_passages = LongPassages::kCut, .most_words = 5, .most_tokens = 0, .most_windows = 9};
  auto parts = parts_of(passages, rules);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].text, "T\nA b. C d.");
  EXPECT_TRUE(parts[0].part.truncated);
  rules.long_passages = LongPassages::kChunk;
  parts = parts_of(passages, rules);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].text, "T\nA b. C d.");
  EXPECT_EQ(parts[1].text, "T\nE f. G h.");
  EXPECT_FALSE(parts[0].part.truncated);
  ASSERT_TRUE(parts[1].part.window);
  EXPECT_EQ(parts[1].part.window->number, 1);
  EXPECT_EQ(parts[1].part.window->count, 2);
  EXPECT_EQ(parts[1].part.window->begin, 10U);
  EXPECT_EQ(parts[1].part.window->end, 19U);
  rules.most_windows = 1;
  parts = parts_of(passages, rules);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(parts[0].part.truncated);
  EXPECT_FALSE(parts[0].part.window) << "one window is no window";
}

TEST(PassageParts, ALongTitleTakesHalfOfEachWindow) {
  const auto parts = parts_of({passage("a b c d", "one two three four five six")},
                              {.long_passages = LongPassages::kChunk, .most_words = 4, .most_windows = 9});
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].text, "one two\na b");
  EXPECT_EQ(parts[1].text, "one two\nc d");
  EXPECT_TRUE(parts[0].part.truncated) << "the title is";
}

TEST(PassageParts, EmptyOnesAreLeftOutOrNamed) {
  const std::vector<Passage> passages{passage(" \u200B\n"), passage("text"), passage("", "title"),
                                      passage("\u3000")};
  const auto parts = parts_of(passages, {.leave_out_empty = true});
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].part.passage, 1);
  EXPECT_EQ(parts[1].part.passage, 2);
  const auto refused = divide_passages(passages, {}, bytes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().to_string(), "documents[0] (id 'x') is empty; leave it out or give it a text");
}

TEST(PassageParts, WhereRoomIsShortTheLongestLoseTheirLastWindows) {
  const std::vector<Passage> passages{passage("a b c d e f g h"), passage("i j"), passage("k l m n")};
  const auto count_of = [&](int64_t together) {
    std::vector<int> counts(3);
    for (const PartText& part : parts_of(passages, {.long_passages = LongPassages::kChunk,
                                                   .most_words = 2,
                                                   .most_windows = 9,
                                                   .most_together = together,
                                                   .around = 1})) {
      ++counts[static_cast<size_t>(part.part.passage)];
      EXPECT_EQ(part.part.truncated, part.part.passage == 0 && together == 20);
    }
    return counts;
  };
  EXPECT_THAT(count_of(0), ElementsAre(4, 1, 2));
  EXPECT_THAT(count_of(28), ElementsAre(4, 1, 2));
  EXPECT_THAT(count_of(20), ElementsAre(2, 1, 2));
}

TEST(PassageParts, ThePassageHasItsBestPart) {
  const std::vector<PassagePart> parts{{.passage = 0}, {.passage = 2}, {.passage = 2}, {.passage = 2}};
  const std::vector<double> scores{1.0, -3.0, -1.0, -1.0};
  EXPECT_THAT(best_parts(parts, scores, 4), ElementsAre(0, -1, 2, -1));
}

}  // namespace
}  // namespace headwise
