// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Text to the terms that BM25 counts.
#include "search/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SearchTerms, AreStemsInTheTextsOrder) {
  EXPECT_THAT(search_terms("The cats were running, running home."),
              ElementsAre("cat", "were", "run", "run", "home"));
  // Porter (1980), section "step 1" to "step 5".
  EXPECT_THAT(search_terms("caresses ponies relational conditional"),
              ElementsAre("caress", "poni", "relat", "condit"));
}

TEST(SearchTerms, LeaveStopWordsOut) {
  EXPECT_THAT(search_terms("a THE of And will with"), IsEmpty());
  EXPECT_THAT(search_terms("whither"), ElementsAre("whither"));  // begins like one
}

TEST(SearchTerms, AreInSmallLettersOfAnyAlphabet) {
  EXPECT_THAT(search_terms("ÉMILE Ωmega Жук"), ElementsAre("émile", "ωmega", "жук"));
  EXPECT_THAT(search_terms("漢字 🐝 x2"), ElementsAre("漢字", "x2"));
}

TEST(SearchTerms, AreSeparatedByWhatIsNoLetter) {
  EXPECT_THAT(search_terms("state-of-the-art under_score Emma's"),
              ElementsAre("state", "art", "under", "score", "emma"));
  EXPECT_THAT(search_terms(std::string("one\0two", 7)), ElementsAre("on", "two"));
}

TEST(SearchTerms, OfBytesThatAreNoTextAreFew) {
  EXPECT_THAT(search_terms(""), IsEmpty());
  EXPECT_THAT(search_terms(std::string(5000, 'x')), IsEmpty());  // no word is that long
  const std::string broken = "bee \xff\xfe\xf0\x9f moon";
  const auto terms = search_terms(broken);
  EXPECT_THAT(terms, ::testing::Contains("bee"));
  EXPECT_THAT(terms, ::testing::Contains("moon"));
}

}  // namespace
}  // namespace headwise
