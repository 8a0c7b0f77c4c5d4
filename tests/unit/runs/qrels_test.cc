// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/qrels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwise {
namespace {

using ::testing::HasSubstr;

TEST(Qrels, ReadsEveryLayout) {
  for (const char* text : {
           "q1 0 d1 2\nq2 0 d1 0\nq1 0 d2 -1\n", "q1\tQ0\td1\t2\r\nq2\tQ0\td1\t0\r\nq1\tQ0\td2\t-1\r\n",
           "q1 d1 2\nq2 d1 0\nq1 d2 -1\n", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq2\td1\t0\nq1\td2\t-1\n",
           "\xEF\xBB\xBFquery-id\tcorpus-id\tscore\nq1\td1\t2\nq2\td1\t0\n\nq1\td2\t-1",
           "q1 0 d1 2\nq1 0 d1 2\nq2 0 d1 0\nq1 0 d2 -1\n",  // the same line twice
       }) {
    auto qrels = parse_qrels(text, "x");
    ASSERT_TRUE(qrels) << text << qrels.error().to_string();
    ASSERT_EQ(qrels->queries.size(), 2u) << text;
    EXPECT_EQ(qrels->queries[0].id, "q1");
    ASSERT_EQ(qrels->queries[0].judgements.size(), 2u) << text;
    EXPECT_EQ(qrels->queries[0].judgements[0].grade, 2);
    EXPECT_EQ(qrels->queries[0].judgements[1].id, "d2");
    EXPECT_EQ(qrels->queries[0].judgements[1].grade, -1);
  }
}

TEST(Qrels, TabsKeepBlanksInIds) {
  auto qrels = parse_qrels("query-id\tcorpus-id\tscore\nq one\td 1\t2\n", "x");
  ASSERT_TRUE(qrels) << qrels.error().to_string();
  EXPECT_EQ(qrels->queries[0].id, "q one");
  EXPECT_EQ(qrels->queries[0].judgements[0].id, "d 1");
}

TEST(Qrels, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"", "holds no judgements"},
      {"query-id\tcorpus-id\tscore\n", "holds no judgements"},
      {"q 0 d 1\nq 0 d\n", "x:2: expected 4 columns (query, iteration, document, grade), found 3"},
      {"q 0 d 1.5\n", "x:1: expected a whole number as grade, found '1.5'"},
      {"q 0 d high\n", "found 'high'"},
      {"q 0 d 99999999999\n", "expected a whole number"},
      {"q 0 d 1\nr 0 d 1\nq 0 d 2\n", "x:3: document 'd' of query 'q' has grade 2 here and 1 on line 1"},
      {"q Q0 d 1 0.5 tag\n", "6 columns look like a run"},
      {"q\t\t1\n", "an id is empty"},
  };
  for (const auto& [text, says] : cases) {
    auto qrels = parse_qrels(text, "x");
    ASSERT_FALSE(qrels) << text;
    EXPECT_EQ(qrels.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(qrels.error().message(), HasSubstr(says)) << text;
  }
}

}  // namespace
}  // namespace headwise
