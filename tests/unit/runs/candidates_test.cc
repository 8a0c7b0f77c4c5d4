// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headwise/dataset.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

std::string problem(std::string_view text, std::string_view source = "x") {
  auto passages = parse_passages(text, source);
  return passages ? "no error" : passages.error().message();
}

TEST(Passages, OneALine) {
  auto passages = parse_passages("first\r\n\n[3] third\n", "-");
  ASSERT_TRUE(passages) << passages.error().to_string();
  ASSERT_EQ(passages->size(), 2u);
  EXPECT_EQ(passages->items()[0].id, "1");
  EXPECT_EQ(passages->items()[1].id, "3");
  EXPECT_EQ(passages->items()[1].text, "[3] third");
}

TEST(Passages, JsonInItsForms) {
  for (const char* text :
       {"{\"_id\": \"a\", \"title\": \"T\", \"text\": \"x\"}\n{\"id\": \"b\", \"contents\": \"y\"}",
        "[{\"docid\": \"a\", \"title\": \"T\", \"text\": \"x\"},\n {\"id\": \"b\", \"text\": \"y\"}]"}) {
    auto passages = parse_passages(text, "-");
    ASSERT_TRUE(passages) << passages.error().to_string();
    ASSERT_EQ(passages->size(), 2u);
    EXPECT_EQ(passages->find("a")->title, "T");
    EXPECT_EQ(passages->find("b")->text, "y");
  }
  auto strings = parse_passages("[\"x\", \"y\"]", "-");
  ASSERT_TRUE(strings) << strings.error().to_string();
  EXPECT_EQ(strings->find("2")->text, "y");
}

TEST(Passages, TheEndingDecides) {
  auto lines = parse_passages("{\"text\": \"x\"}\n", "a.txt");
  ASSERT_TRUE(lines);
  EXPECT_EQ(lines->items()[0].text, "{\"text\": \"x\"}");
  EXPECT_THAT(problem("plain", "a.jsonl"), HasSubstr("a.jsonl:1: parse error"));
}

TEST(Passages, BadInput) {
  EXPECT_THAT(problem(""), HasSubstr("holds no passages"));
  EXPECT_THAT(problem("[]", "a.json"), HasSubstr("holds no passages"));
  EXPECT_THAT(problem("ok\nbad \xC0\n"), HasSubstr("x:2: byte 5 is not valid UTF-8"));
  EXPECT_THAT(problem("{\"id\": \"a\", \"text\": \"x\"}\n{\"id\": \"a\", \"text\": \"y\"}"),
              HasSubstr("x:2: id 'a' is given twice, first on line 1"));
  EXPECT_THAT(problem("{\"id\": \"a\"}"), HasSubstr("or an object with 'text'"));
  EXPECT_THAT(problem("{\"id\": \"a\", \"text\": 1}"), HasSubstr("must be strings"));
  EXPECT_THAT(problem("{\"id\": 1.5, \"text\": \"x\"}"), HasSubstr("the id is neither"));
  EXPECT_THAT(problem("[{\"text\": \"x\"}, 7]"), HasSubstr("x: item 2: expected text, or an object"));
}

TEST(Candidates, IcrMarksBecomeJudgements) {
  auto file = parse_candidates(
      R"([{"idx": "q", "question": "who?", "paragraphs": [
          {"idx": 4, "title": "T", "paragraph_text": "x", "is_supporting": false},
          {"idx": 5, "title": "U", "paragraph_text": "y", "is_supporting": true}]}])",
      "x");
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->run.queries[0].entries[0].id, "4");
  EXPECT_EQ(file->queries.find("q")->text, "who?");
  EXPECT_EQ(file->documents[0].find("5")->title, "U");
  ASSERT_EQ(file->qrels.queries.size(), 1u);
  EXPECT_EQ(file->qrels.queries[0].judgements[0].grade, 0);
  EXPECT_EQ(file->qrels.queries[0].judgements[1].grade, 1);
}

TEST(Candidates, IdsMayStartAgainWithEveryQuery) {
  auto file = parse_candidates(
      R"([{"idx": "q", "question": "w", "paragraphs": [{"idx": 0, "paragraph_text": "x"}]},
          {"idx": "p", "question": "w", "paragraphs": []},
          {"idx": "r", "question": "w", "paragraphs": [{"idx": 0, "paragraph_text": "z"}]}])",
      "x");
  ASSERT_TRUE(file) << file.error().to_string();
  ASSERT_EQ(file->run.queries.size(), 2u);
  ASSERT_EQ(file->documents.size(), 2u);
  EXPECT_EQ(file->documents[0].find("0")->text, "x");
  EXPECT_EQ(file->documents[1].find("0")->text, "z");
  EXPECT_TRUE(file->qrels.queries.empty());
}

TEST(Candidates, QrHeadListsTheRelevant) {
  auto file = parse_candidates(
      R"({"idx": "q", "question": "who?", "gt_docs": ["b"], "paragraphs": [
          {"idx": "a", "paragraph_text": "x"}, {"idx": "b", "paragraph_text": "y"}]})",
      "x");
  ASSERT_TRUE(file) << file.error().to_string();
  EXPECT_EQ(file->qrels.queries[0].judgements[1].grade, 1);
}

TEST(Candidates, BadInput) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"idx": "q", "paragraphs": [{"idx": "a", "paragraph_text": "x"}]})", "query 'q' has no text"},
      {R"({"idx": "q", "question": "w", "paragraphs": [{"idx": "a"}]})", "candidate 'a' has no text"},
      {R"({"idx": "q", "question": "w"})", "expected an object with a list named candidates"},
      {R"([{"idx": "q", "question": "w", "paragraphs": [{"idx": "a", "paragraph_text": "x"}]},
           {"idx": "q", "question": "w", "paragraphs": [{"idx": "a", "paragraph_text": "x"}]}])",
       "item 2: query 'q' is given twice"},
      {R"({"idx": "q", "question": "w", "paragraphs": [{"idx": "a", "paragraph_text": "x"}, {"idx": "a", "paragraph_text": "x"}]})",
       "is given twice for query 'q'"},
      {"", "holds no results"},
  };
  for (const auto& [text, says] : cases) {
    auto file = parse_candidates(text, "x");
    ASSERT_FALSE(file) << text;
    EXPECT_THAT(file.error().message(), HasSubstr(says)) << text;
  }
}

}  // namespace
}  // namespace headwise
