// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include "formats/text_lines.h"
#include "headwise/dataset.h"
#include "headwise/run.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

RunQuery query_of(const std::vector<double>& scores) {
  RunQuery query{"q", {}};
  for (double score : scores) {
    const int rank = static_cast<int>(query.entries.size()) + 1;
    query.entries.push_back({"d" + std::to_string(rank), score, rank});
  }
  return query;
}

TEST(RunWriter, ScoresStrictlyDecreaseAsFloatsAndKeepTheOrder) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    // Many ties, neighbours that differ only as doubles, huge and tiny values, zeros of both signs.
    std::vector<double> scores;
    for (int i = 0; i < 50; ++i) {
      const double unit =
          std::ldexp(1.0 + static_cast<double>(random() % 4) * 1e-9, static_cast<int>(random() % 200) - 100);
      scores.push_back(random() % 5 == 0   ? (random() % 2 == 0 ? 0.0 : -0.0)
                       : random() % 2 == 0 ? unit
                                           : -unit);
    }
    std::sort(scores.begin(), scores.end(), std::greater<>());
    auto text = format_run_query(query_of(scores), RunFormat::kTrec, "t");
    ASSERT_TRUE(text) << text.error().to_string();
    auto back = parse_run(*text, "back");
    ASSERT_TRUE(back) << back.error().to_string();
    ASSERT_EQ(back->queries[0].entries.size(), scores.size());
    float before = std::numeric_limits<float>::infinity();
    for (size_t i = 0; i < scores.size(); ++i) {
      const RunEntry& entry = back->queries[0].entries[i];
      EXPECT_EQ(entry.id, "d" + std::to_string(i + 1));
      const float score = static_cast<float>(entry.score);
      EXPECT_LT(score, before);
      if (static_cast<float>(scores[i]) < before) {
        EXPECT_EQ(score, static_cast<float>(scores[i]));
      }
      before = score;
    }
  }
}

TEST(RunWriter, DigitsGiveTheFloatBack) {
  std::mt19937 random(11);
  for (int i = 0; i < 20000; ++i) {
    float value = 0;
    const uint32_t bits = static_cast<uint32_t>(random());
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    auto text = format_run_query(query_of({static_cast<double>(value)}), RunFormat::kTrec, "t");
    ASSERT_TRUE(text);
    const std::string column(split_blanks(*text)[4]);
    // atof and then a float, as trec_eval reads it.
    ASSERT_EQ(static_cast<float>(std::atof(column.c_str())), value) << column;
    ASSERT_LE(column.size(), 24u);
  }
}

TEST(RunWriter, RefusesWhatIsNotFinite) {
  for (double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e39}) {
    EXPECT_FALSE(strictly_decreasing(std::vector<double>{1.0, bad}));
  }
  const double lowest = static_cast<double>(std::numeric_limits<float>::lowest());
  EXPECT_TRUE(strictly_decreasing(std::vector<double>{lowest}));
  EXPECT_FALSE(strictly_decreasing(std::vector<double>{lowest, lowest}));
}

TEST(RunWriter, EveryFormatReadsBack) {
  Queries queries;
  queries.add({"q", "a \"question\"\n"});
  Documents documents;
  for (int i = 1; i <= 3; ++i) documents.add({"d" + std::to_string(i), i == 2 ? "title" : "", "text"});
  const RunTexts texts{&queries, &documents};
  const RunQuery query = query_of({3.5, 0.1, 0.1});
  for (const char* name : {"trec", "msmarco", "jsonl", "rankllm"}) {
    auto format = run_format_named(name);
    ASSERT_TRUE(format);
    auto text = format_run_query(query, *format, "", texts);
    ASSERT_TRUE(text) << name << text.error().to_string();
    auto back = parse_run(*text, name);
    ASSERT_TRUE(back) << name << back.error().to_string();
    ASSERT_EQ(back->queries[0].entries.size(), 3u) << name;
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(back->queries[0].entries[i].id, query.entries[i].id) << name;
  }
  auto candidates = parse_candidates(*format_run_query(query, RunFormat::kRankllm, "", texts), "x");
  ASSERT_TRUE(candidates) << candidates.error().to_string();
  EXPECT_EQ(candidates->documents[0].find("d2")->title, "title");
  EXPECT_EQ(candidates->queries.find("q")->text, "a \"question\"\n");
}

TEST(RunWriter, ExactText) {
  EXPECT_EQ(*format_run_query(query_of({1.5, 1.5}), RunFormat::kTrec, "me"),
            "q Q0 d1 1 1.5 me\nq Q0 d2 2 1.4999999 me\n");
  EXPECT_EQ(*format_run_query(query_of({1.5, 0.1}), RunFormat::kJsonl, ""),
            "{\"query_id\":\"q\",\"results\":[{\"id\":\"d1\",\"score\":1.5,\"rank\":1},"
            "{\"id\":\"d2\",\"score\":0.1,\"rank\":2}]}\n");
  EXPECT_EQ(*format_run_query(query_of({1.5, 0.1}), RunFormat::kMsmarco, ""), "q\td1\t1\nq\td2\t2\n");
}

TEST(RunWriter, IdsThatAFormatCannotHold) {
  RunQuery query{"q", {{"two words", 1.0, 1}}};
  auto text = format_run_query(query, RunFormat::kTrec, "t");
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message(), HasSubstr("'two words' holds white space"));
  EXPECT_TRUE(format_run_query(query, RunFormat::kJsonl, "t"));
  query.id = "";
  EXPECT_FALSE(format_run_query(query, RunFormat::kMsmarco, "t"));
}

TEST(RunWriter, RankllmNeedsTexts) {
  auto text = format_run_query(query_of({1}), RunFormat::kRankllm, "t");
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message(), HasSubstr("query 'q' is not known"));
}

TEST(RunWriter, UnknownFormatListsTheKnown) {
  auto format = run_format_named("xml");
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().code(), ErrorCode::kUsage);
  EXPECT_THAT(format.error().message(), HasSubstr("trec, msmarco, jsonl, rankllm"));
}

}  // namespace
}  // namespace headwise
