// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Small rankings worked out by hand. tests/e2e/test_eval_vs_pytrec_eval.py compares whole collections with
// trec_eval.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "headwise/evaluation.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Qrels qrels_of(std::string_view text) { return *parse_qrels(text, "qrels"); }
Run run_of(std::string_view text) { return *parse_run(text, "run"); }

double value(std::string_view measure, const Qrels& qrels, const Run& run, int level = 1) {
  auto measures = parse_measures(measure);
  EXPECT_TRUE(measures) << measures.error().to_string();
  auto evaluation = evaluate(qrels, run, *measures, {.relevance_level = level});
  EXPECT_TRUE(evaluation) << evaluation.error().to_string();
  return evaluation->values[0][0];
}

// By rank: grade 2, not judged, grade -2, grade 1, grade 0; d6 (grade 3) is not retrieved.
const char* const kJudged = "q 0 d1 2\nq 0 d3 -2\nq 0 d4 1\nq 0 d5 0\nq 0 d6 3\n";
const char* const kAnswers = "q Q0 d1 1 9 t\nq Q0 d2 2 8 t\nq Q0 d3 3 7 t\nq Q0 d4 4 6 t\nq Q0 d5 5 5 t\n";

TEST(Measures, WorkedOutByHand) {
  const Qrels qrels = qrels_of(kJudged);
  const headwise::Run run = run_of(kAnswers);
  const double gained = 2.0 + 1.0 / std::log2(5.0);
  const double best = 3.0 + 2.0 / std::log2(3.0) + 1.0 / 2.0;
  EXPECT_DOUBLE_EQ(value("ndcg", qrels, run), gained / best);
  EXPECT_DOUBLE_EQ(value("ndcg@10", qrels, run), gained / best);
  EXPECT_DOUBLE_EQ(value("ndcg@1", qrels, run), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(value("ndcg@2", qrels, run), 2.0 / (3.0 + 2.0 / std::log2(3.0)));
  EXPECT_DOUBLE_EQ(value("map", qrels, run), (1.0 + 2.0 / 4.0) / 3.0);
  EXPECT_DOUBLE_EQ(value("map@3", qrels, run), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(value("recip_rank", qrels, run), 1.0);
  EXPECT_DOUBLE_EQ(value("p@10", qrels, run), 0.2);
  EXPECT_DOUBLE_EQ(value("recall@4", qrels, run), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(value("success@1", qrels, run), 1.0);
  EXPECT_DOUBLE_EQ(value("judged@2", qrels, run), 0.5);
  EXPECT_DOUBLE_EQ(value("judged@10", qrels, run), 0.8);
}

TEST(Measures, RelevanceLevelLeavesNdcgAlone) {
  const Qrels qrels = qrels_of(kJudged);
  const headwise::Run run = run_of("q Q0 d4 1 9 t\nq Q0 d1 2 8 t\n");
  EXPECT_DOUBLE_EQ(value("recip_rank", qrels, run, 2), 0.5);
  EXPECT_DOUBLE_EQ(value("recip_rank@1", qrels, run, 2), 0.0);
  EXPECT_DOUBLE_EQ(value("recall@10", qrels, run, 3), 0.0);
  EXPECT_DOUBLE_EQ(value("map", qrels, run, 2), 0.25);
  EXPECT_DOUBLE_EQ(value("ndcg", qrels, run, 1), value("ndcg", qrels, run, 3));
  EXPECT_EQ(evaluate(qrels, run, *parse_measures("map"), {.relevance_level = 0}).error().code(),
            ErrorCode::kUsage);
}

TEST(Measures, NothingRelevantIsZeroNotANumber) {
  const Qrels qrels = qrels_of("q 0 d1 0\nq 0 d2 -2\n");
  const headwise::Run run = run_of(kAnswers);
  for (const char* measure : {"ndcg", "ndcg@10", "map", "recip_rank", "p@5", "recall@5", "success@5"}) {
    EXPECT_EQ(value(measure, qrels, run), 0.0) << measure;
  }
}

TEST(Measures, TheOrderInMemoryDoesNotMatter) {
  const Qrels qrels = qrels_of("q 0 a 1\n");
  // Written by a program that broke the tie the other way: trec_eval puts b first.
  headwise::Run run{"", {{"q", {{"a", 1.0, 1}, {"b", 1.0, 2}}}}};
  EXPECT_DOUBLE_EQ(value("recip_rank", qrels, run), 0.5);
}

TEST(Evaluate, AveragesOverAllJudgedQueriesUnlessToldOtherwise) {
  const Qrels qrels = qrels_of("q1 0 a 1\nq2 0 a 1\nq3 0 a 1\n");
  const headwise::Run run = run_of("q9 Q0 a 1 1 t\nq3 Q0 a 1 1 t\nq1 Q0 b 1 1 t\n");
  auto all = evaluate(qrels, run, *parse_measures("p@1"), {});
  ASSERT_TRUE(all);
  EXPECT_THAT(all->query_ids, ElementsAre("q1", "q2", "q3"));
  EXPECT_THAT(all->values[0], ElementsAre(0.0, 0.0, 1.0));
  EXPECT_DOUBLE_EQ(all->means[0], 1.0 / 3.0);
  EXPECT_THAT(all->missing, ElementsAre("q2"));
  EXPECT_THAT(all->unjudged, ElementsAre("q9"));
  auto retrieved = evaluate(qrels, run, *parse_measures("p@1"), {.only_retrieved = true});
  ASSERT_TRUE(retrieved);
  EXPECT_THAT(retrieved->query_ids, ElementsAre("q1", "q3"));
  EXPECT_DOUBLE_EQ(retrieved->means[0], 0.5);
}

TEST(Evaluate, NoCommonQueryIsAnError) {
  auto evaluation = evaluate(qrels_of("q1 0 a 1\n"), run_of("r1 Q0 a 1 1 t\n"), *parse_measures("map"), {});
  ASSERT_FALSE(evaluation);
  EXPECT_EQ(evaluation.error().code(), ErrorCode::kInvalidInput);
  EXPECT_THAT(evaluation.error().message(), HasSubstr("no query in common"));
  EXPECT_THAT(evaluation.error().message(), HasSubstr("'q1', the run with 'r1'"));
}

}  // namespace
}  // namespace headwise
