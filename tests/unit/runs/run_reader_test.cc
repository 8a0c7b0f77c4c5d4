// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headwise/run.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> ids(const RunQuery& query) {
  std::vector<std::string> found;
  for (const RunEntry& entry : query.entries) found.push_back(entry.id);
  return found;
}

std::string problem(std::string_view text) {
  auto run = parse_run(text, "x.run");
  if (run) return "no error";
  EXPECT_EQ(run.error().code(), ErrorCode::kInvalidInput);
  return run.error().message();
}

TEST(RunReader, OrdersAsTrecEvalDoes) {
  // Given ranks are not used; ties go to the larger id by bytes; 0.30000001 and 0.3 are the same float.
  auto run = parse_run(
      "q2 Q0 b 1 0.3 tag\r\nq1 Q0 x 1 1 tag\nq2 Q0 c 7 0.30000001 tag\n\nq2 Q0 B 2 0.3 tag\nq2\tQ0  z 3 "
      "-1e-3 tag",
      "x.run");
  ASSERT_TRUE(run) << run.error().to_string();
  EXPECT_EQ(run->name, "tag");
  ASSERT_EQ(run->queries.size(), 2u);
  EXPECT_EQ(run->queries[0].id, "q2");
  EXPECT_THAT(ids(run->queries[0]), ElementsAre("c", "b", "B", "z"));
  EXPECT_EQ(run->queries[0].entries[3].rank, 4);
  ASSERT_NE(run->find("q1"), nullptr);
  EXPECT_EQ(run->find("q3"), nullptr);
}

TEST(RunReader, ReadsMsMarcoRanks) {
  auto run = parse_run("7\td1\t2\n7\td2\t1\n7\td3\t1000\n", "x.tsv");
  ASSERT_TRUE(run) << run.error().to_string();
  EXPECT_THAT(ids(run->queries[0]), ElementsAre("d2", "d1", "d3"));
  EXPECT_DOUBLE_EQ(run->queries[0].entries[1].score, 0.5);
}

struct JsonCase {
  const char* name;
  const char* text;
};

TEST(RunReader, TellsJsonDialectsApart) {
  const std::vector<JsonCase> cases = {
      {"own", R"({"query_id":"q","query":"t","results":[{"id":"a","score":1},{"id":"b","score":2.5}]})"},
      {"rankllm line",
       R"({"query":{"text":"t","qid":"q"},"candidates":[{"docid":"a","score":1,"doc":{"text":"x"}},{"docid":"b","score":2.5,"doc":{}}]})"},
      {"rankllm array",
       "[\n {\"query\": {\"text\": \"t\", \"qid\": \"q\"},\n \"candidates\": "
       "[{\"docid\":\"a\",\"score\":1,\"doc\":{}},"
       "{\"docid\":\"b\",\"score\":2.5,\"doc\":{}}]}]"},
      {"icr, order only", R"([{"idx":"q","question":"t","paragraphs":[{"idx":"b"},{"idx":"a"}]}])"},
      {"score table", R"({"q": {"a": 1, "b": 2.5}})"},
      {"score table over lines", "{\n\"q\": {\"a\": 1,\n \"b\": 2.5}}"},
      {"byte order mark", "\xEF\xBB\xBF[{\"idx\":\"q\",\"paragraphs\":[{\"idx\":\"b\"},{\"idx\":\"a\"}]}]"},
  };
  for (const JsonCase& item : cases) {
    auto run = parse_run(item.text, "x.json");
    ASSERT_TRUE(run) << item.name << ": " << run.error().to_string();
    ASSERT_EQ(run->queries.size(), 1u) << item.name;
    EXPECT_EQ(run->queries[0].id, "q") << item.name;
    EXPECT_THAT(ids(run->queries[0]), ElementsAre("b", "a")) << item.name;
  }
}

TEST(RunReader, WholeNumbersAreIds) {
  auto run =
      parse_run(R"({"query":{"text":"t","qid":12},"candidates":[{"docid":7,"score":1,"doc":{}}]})", "x");
  ASSERT_TRUE(run) << run.error().to_string();
  EXPECT_EQ(run->queries[0].id, "12");
  EXPECT_EQ(run->queries[0].entries[0].id, "7");
}

struct BadCase {
  const char* text;
  const char* says;
};

TEST(RunReader, SaysWhatIsWrongAndWhere) {
  const std::vector<BadCase> cases = {
      {"", "holds no results"},
      {"\n \n", "holds no results"},
      {"q Q0 d 1 1.0 t\nq Q0 e 2 0.5\n", "x.run:2: expected the 6 columns"},
      {"q Q0 d 1 1.0 t more\n", "x.run:1: expected a run: 6 columns"},
      {"q 0 d 1\n", "look like judgements (qrels)"},
      {"q Q0 d 1 high t\n", "x.run:1: expected a number as score in column 5, found 'high'"},
      {"q Q0 d 1 1.0x t\n", "found '1.0x'"},
      {"q Q0 d 1 nan t\n", "x.run:1: the score of document 'd' for query 'q' is not a finite"},
      {"q Q0 d 1 -inf t\n", "not a finite"},
      {"q Q0 d 1 1e39 t\n", "not a finite"},
      {"q Q0 d 1 1e999 t\n", "expected a number"},
      {"q Q0 d 1 2 t\nr Q0 d 1 2 t\nq Q0 d 2 1 t\n",
       "x.run:3: document 'd' is given twice for query 'q', first on line 1"},
      {"q\td\t0\n", "expected a rank of 1 or more"},
      {"q\td\tone\n", "expected a rank of 1 or more in column 3, found 'one'"},
      {"q\td\t1\nq\te\n", "x.run:2: expected the 3 columns"},
      {"{\"query_id\": \"q\", \"results\": [{\"id\": \"d\", \"score\": NaN}]}", "x.run:1: parse error"},
      {"{\"query_id\":\"q\",\"results\":[{\"id\":\"d\",\"score\":1}]}\n{broken", "x.run:2: parse error"},
      {"{\"query_id\":\"q\",\"results\":[{\"id\":\"d\",\"score\":1},{\"id\":\"e\"}]}", "some candidates"},
      {"{\"query_id\":\"q\",\"results\":[{\"id\":\"d\",\"score\":\"1\"}]}", "is not a number"},
      {"{\"query_id\":\"q\",\"results\":[{\"score\":1}]}", "a candidate has no id"},
      {"{\"results\":[]}", "the query has no id"},
      {"{\"query_id\":\"q\",\"results\":[{\"id\":\"\",\"score\":1}]}", "document's id is empty"},
      {"{\"query_id\":\"q\",\"results\":[]}", "holds no results"},
      {"{\"q\": 1}", "expected a run"},
      {"{\"q\": {\"d\": \"1\"}}", "is not a number"},
      {"[1]", "x.run: item 1: expected a JSON object"},
      {"[", "parse error"},
  };
  for (const BadCase& item : cases) EXPECT_THAT(problem(item.text), HasSubstr(item.says)) << item.text;
}

TEST(RunReader, DeeplyNestedJsonIsAnErrorNotACrash) {
  EXPECT_THAT(problem(std::string(200000, '[')), HasSubstr("parse error"));
  EXPECT_THAT(problem(std::string(200000, '[') + std::string(200000, ']')),
              HasSubstr("expected a JSON object"));
}

TEST(RunReader, MissingFile) {
  auto run = read_run("/nonexistent/run.trec");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(exit_status(run.error().code()), 3);
}

}  // namespace
}  // namespace headwise
