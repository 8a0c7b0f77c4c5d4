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

TEST(SearchTerms, OfTwoLettersHaveNoEnding) {
  EXPECT_THAT(search_terms("why did the US enter? s os"),
              ElementsAre("why", "did", "us", "enter", "s", "os"));
}

// NLTK 3.9's PorterStemmer(mode="MARTIN_EXTENSIONS") gives the same.
TEST(SearchTerms, EndAsInPortersProgram) {
  EXPECT_THAT(search_terms("possibly possible assemblies incredibly bly family"),
              ElementsAre("possibl", "possibl", "assembl", "incred", "bly", "famili"));
  EXPECT_THAT(search_terms("psychology methodologies biology psychological"),
              ElementsAre("psycholog", "methodolog", "biologi", "psycholog"));
}

TEST(SearchTerms, LeaveStopWordsOut) {
  EXPECT_THAT(search_terms("a THE of And will with"), IsEmpty());
  EXPECT_THAT(search_terms("whither"), ElementsAre("whither"));  // begins like one
}

TEST(SearchTerms, AreInSmallLettersOfAnyAlphabet) {
  EXPECT_THAT(search_terms("ÉMILE Ωmega Жук"), ElementsAre("émile", "ωmega", "жук"));
  EXPECT_THAT(search_terms("漢字 🐝 x2"), ElementsAre("漢字", "x2"));
}

// As Lucene's EnglishAnalyzer: UAX #29's words, then no possessive s.
TEST(SearchTerms, BeginAndEndWhereWordsDo) {
  EXPECT_THAT(search_terms("state-of-the-art under_score s/p (home)"),
              ElementsAre("state", "art", "under_scor", "s", "p", "home"));
  EXPECT_THAT(search_terms("1,000 or 3.5 per cent. C.N.N"),
              ElementsAre("1,000", "3.5", "per", "cent", "c.n.n"));
  EXPECT_THAT(search_terms("Emma's EMMA\u2019S emma\uff07s 's don't"),
              ElementsAre("emma", "emma", "emma", "s", "don't"));
}

// Much of scifact's text is like this.
TEST(SearchTerms, EndWithTheSentence) {
  EXPECT_THAT(search_terms("a long term.In mice:Results CFA.The end.\u00c9mile"),
              ElementsAre("long", "term", "mice", "result", "cfa", "end", "\u00e9mile"));
  EXPECT_THAT(search_terms("Ph.D node.js www.example.org U.S.A"),
              ElementsAre("ph.d", "node.j", "www.example.org", "u.s.a"));
}

TEST(SearchTerms, AreFoundByDictionaryWhereNoSpaceStands) {
  EXPECT_THAT(search_terms("我们喜欢音乐"), ElementsAre("我们", "喜欢", "音乐"));
  EXPECT_THAT(search_terms("ภาษาไทย"), ElementsAre("ภาษา", "ไทย"));
}

TEST(SearchTerms, AreSeparatedByWhatIsNoLetter) {
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
