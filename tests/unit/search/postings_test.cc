// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Lists of postings: what went in comes out, and bytes that are no list end early.
#include "search/postings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Pairs = std::vector<std::pair<uint64_t, uint64_t>>;

Pairs read(uint64_t first, std::string_view list, bool whole = true) {
  PostingReader reader(first, list);
  Pairs pairs;
  while (const auto posting = reader.next()) pairs.emplace_back(posting->document, posting->count);
  EXPECT_EQ(reader.whole(), whole);
  return pairs;
}

TEST(Postings, ComeBack) {
  std::mt19937_64 random(7);
  PostingLists lists;
  Pairs expected;
  uint64_t document = 5;
  for (int i = 0; i < 1000; ++i) {
    expected.emplace_back(document, random() >> (random() % 64));
    lists.add("moon", {document, expected.back().second});
    document += 1 + random() % 100000;
  }
  const auto entry = lists.entry("moon");
  EXPECT_EQ(entry.first, 5U);
  EXPECT_EQ(PostingReader(entry.first, entry.list).documents(), 1000U);
  EXPECT_EQ(read(entry.first, entry.list), expected);
}

TEST(Postings, AreSmall) {
  PostingLists lists;
  for (uint64_t document = 0; document < 100; ++document) lists.add("moon", {document, 1});
  EXPECT_EQ(lists.entry("moon").list.size(), 1 + 2 * 100U);
}

TEST(Postings, StandInTheOrderOfBytes) {
  PostingLists lists;
  for (const char* term : {"b", "\xc3\xa9", "", "a", "ab"}) lists.add(term, {3, 1});
  EXPECT_THAT(lists.sorted(), ElementsAre("", "a", "ab", "b", "\xc3\xa9"));
  EXPECT_GT(lists.bytes(), 0U);
  lists.clear();
  EXPECT_THAT(lists.sorted(), IsEmpty());
  EXPECT_EQ(lists.bytes(), 0U);
}

TEST(Postings, ThatAreNoneEndEarly) {
  EXPECT_THAT(read(0, "", false), IsEmpty());
  EXPECT_THAT(read(0, "\x80", false), IsEmpty());                             // the count goes on
  EXPECT_EQ(read(7, std::string_view("\2\0\1", 3), false), Pairs({{7, 1}}));  // two are promised
  EXPECT_THAT(read(0, std::string(11, '\xff'), false), IsEmpty());            // a number over 64 bits
  EXPECT_EQ(read(7, std::string_view("\1\0\1rest", 7)), Pairs({{7, 1}}));
  EXPECT_THAT(read(0, std::string_view("\0", 1)), IsEmpty());
}

}  // namespace
}  // namespace headwise
