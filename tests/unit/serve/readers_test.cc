// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Fields and documents as clients write them, and what is said of those that are nothing.
#include <gtest/gtest.h>

#include "serve/document_reader.h"
#include "serve/instructed_text.h"

namespace headwise::serve {
namespace {

ParsedJson parsed(const std::string& text) { return *parse_body(text); }

TEST(Fields, FlagsMayBeTextOrNumbers) {
  for (const char* yes :
       {"true", "1", "1.0", R"("true")", R"("True")", R"("1")", R"("yes")", R"("ON")", R"("y")"}) {
    const ParsedJson body = parsed(std::string(R"({"f": )") + yes + "}");
    FieldReader fields(body);
    EXPECT_EQ(fields.optional_flag("f"), true) << yes;
    EXPECT_TRUE(fields.good()) << yes;
  }
  for (const char* no :
       {"false", "0", R"("false")", R"("FALSE")", R"("0")", R"("no")", R"("off")", R"("N")"}) {
    const ParsedJson body = parsed(std::string(R"({"f": )") + no + "}");
    FieldReader fields(body);
    EXPECT_EQ(fields.optional_flag("f"), false) << no;
    EXPECT_TRUE(fields.good()) << no;
  }
  for (const char* wrong : {"2", "0.5", R"("maybe")", R"("")", R"("truetrue")", "[]", "{}", "[true]"}) {
    const ParsedJson body = parsed(std::string(R"({"f": )") + wrong + "}");
    FieldReader fields(body);
    EXPECT_EQ(fields.optional_flag("f"), std::nullopt) << wrong;
    ASSERT_FALSE(fields.good()) << wrong;
    EXPECT_NE(fields.status().error().message().find("\"f\" must be true or false, found "),
              std::string::npos);
  }
}

TEST(Fields, WholeNumbersMayBeTextOrFractionsOfNothing) {
  const struct {
    const char* value;
    int64_t meant;
  } rows[] = {{"3", 3},
              {"3.0", 3},
              {R"("3")", 3},
              {R"("3.0")", 3},
              {R"(" 3 ")", 3},
              {R"("+3")", 3},
              {"3e0", 3},
              {R"("3e0")", 3},
              {"1e30", 1000},
              {R"("99999999999999999999")", 1000},
              {R"("007")", 7},
              {"2147483648", 1000},
              {"18446744073709551615", 1000}};
  for (const auto& row : rows) {
    const ParsedJson body = parsed(std::string(R"({"n": )") + row.value + "}");
    FieldReader fields(body);
    EXPECT_EQ(fields.optional_integer("n", 0, 1000), row.meant) << row.value;
    EXPECT_TRUE(fields.good()) << row.value;
  }
  for (const char* wrong : {"1.5", R"("1.5")", R"("three")", R"("")", R"("3 4")", R"("0x10")", R"("inf")",
                            R"("nan")", R"("1e999")", "true", "[3]", R"({"n": 3})"}) {
    const ParsedJson body = parsed(std::string(R"({"n": )") + wrong + "}");
    FieldReader fields(body);
    EXPECT_EQ(fields.optional_integer("n", 0, 1000), std::nullopt) << wrong;
    ASSERT_FALSE(fields.good()) << wrong;
    EXPECT_NE(fields.status().error().message().find("must be a whole number, found "), std::string::npos)
        << wrong;
  }
  for (const char* low : {"-1", R"("-1")", "-0.5e1"}) {
    const ParsedJson body = parsed(std::string(R"({"n": )") + low + "}");
    FieldReader fields(body);
    fields.optional_integer("n", 0, 1000);
    ASSERT_FALSE(fields.good()) << low;
    EXPECT_NE(fields.status().error().message().find("at least 0"), std::string::npos) << low;
  }
}

TEST(Fields, KeepEveryBitOfAnInteger) {
  const ParsedJson body = parsed(R"({"seed": 9007199254740993})");
  FieldReader fields(body);
  EXPECT_EQ(fields.optional_integer("seed", 0, std::numeric_limits<int64_t>::max()), 9007199254740993);
}

Result<std::vector<Passage>> documents(const std::string& list, std::vector<std::string> names = {}) {
  const ParsedJson body = parsed(R"({"documents": )" + list + "}");
  FieldReader fields(body);
  std::vector<Passage> read =
      read_documents(fields, "documents", {.max_documents = 9, .fields = std::move(names)});
  if (!fields.good()) return fail(fields.status().error());
  return read;
}

TEST(Documents, MayBeRecordsOfAnyMaker) {
  const struct {
    const char* list;
    const char* title;
    const char* text;
  } rows[] = {
      {R"([{"text": "b"}])", "", "b"},
      {R"([{"title": "t", "text": "b"}])", "t", "b"},
      {R"([{"title": "t"}])", "t", ""},
      {R"([{"Title": "t", "Content": "b"}])", "t", "b"},
      {R"([{"page_content": "b", "metadata": {"source": 1}}])", "", "b"},
      {R"([{"TEXT": "b", "TITLE": null}])", "", "b"},
      {R"([{"text": null, "contents": "b"}])", "", "b"},
      {R"([{"text": null}])", "", ""},
      {R"([{"Content": null, "title": "t"}])", "t", ""},
      {R"([{"text": null, "title": null, "id": "1"}])", "", ""},
      {R"([{"content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}]}])", "", "b\nc"},
  };
  for (const auto& row : rows) {
    const auto read = documents(row.list);
    ASSERT_TRUE(read) << row.list << read.error().message();
    EXPECT_EQ(read->front().title, row.title) << row.list;
    EXPECT_EQ(read->front().text, row.text) << row.list;
    EXPECT_EQ(read->front().id, "1");
  }
  const auto named =
      documents(R"(["a", {"_id": 7, "text": "b", "Score": "1.5"}, {"id": "x", "text": "c", "score": 2}])");
  ASSERT_TRUE(named) << named.error().message();
  EXPECT_EQ((*named)[1].id, "7");
  EXPECT_EQ((*named)[1].first_stage_score, 1.5);
  EXPECT_EQ((*named)[2].id, "x");
}

TEST(Documents, RankFieldsChooseAndOrder) {
  constexpr const char* kBook =
      R"([{"id": 3, "text": "unread", "title": "Emma", "author": "Austen", "year": 1815, "words": ["a", "b"], "none": null}])";
  const struct {
    std::vector<std::string> names;
    const char* text;
  } rows[] = {{{"title", "author"}, "Emma\nAusten"},
              {{"author", "title"}, "Austen\nEmma"},
              {{"AUTHOR", "none", "missing"}, "Austen"},
              {{"year", "title"}, "1815\nEmma"},
              {{"words"}, "a\nb"},
              {{"missing", "none"}, ""}};
  for (const auto& row : rows) {
    const auto read = documents(kBook, row.names);
    ASSERT_TRUE(read) << row.text << read.error().message();
    EXPECT_EQ(read->front().text, row.text);
    EXPECT_EQ(read->front().title, "");
    EXPECT_EQ(read->front().id, "3");
  }
  // Text stays text.
  EXPECT_EQ((*documents(R"(["plain"])", {"title"}))[0].text, "plain");
  const auto none = documents(kBook, {"missing"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message(), "\"documents[0]\" has none of the \"rank_fields\"");
}

TEST(Documents, SayWhatIsMissing) {
  const struct {
    const char* list;
    const char* problem;
  } rows[] = {
      {"[7]", "\"documents[0]\" must be a string or an object with \"text\", found a number"},
      {R"(["a", null])", "\"documents[1]\" must be a string"},
      {R"([{"name": "b"}])", "\"documents[0]\" has none of 'text' (or contents"},
      {R"([{"text": 1}])", "\"documents[0].text\" must be a string, found a number"},
      {R"([{"text": "b", "title": [2]}])", "\"documents[0].title\" must be a string, found a list"},
      {R"([{"text": "b", "id": [2]}])", "\"documents[0].id\" must be a string, found a list"},
      {R"([{"text": "b", "score": "high"}])", "\"documents[0].score\" must be a number, found a string"},
      {"[]", "\"documents\" is empty; give at least one"},
      {R"("a")", "\"documents\" must be a list of strings, found a string"},
  };
  for (const auto& row : rows) {
    const auto read = documents(row.list);
    ASSERT_FALSE(read) << row.list;
    EXPECT_NE(read.error().message().find(row.problem), std::string::npos) << read.error().message();
  }
}

TEST(Documents, NamesOfFieldsAreAListOrOne) {
  const auto names = [](const char* value) {
    const ParsedJson body = parsed(std::string(R"({"rank_fields": )") + value + "}");
    FieldReader fields(body);
    std::vector<std::string> read = read_rank_fields(fields);
    return fields.good() ? read : std::vector<std::string>{"wrong"};
  };
  EXPECT_EQ(names("null"), std::vector<std::string>{});
  EXPECT_EQ(names("[]"), std::vector<std::string>{});
  EXPECT_EQ(names(R"("title")"), std::vector<std::string>{"title"});
  EXPECT_EQ(names(R"(["b", "a"])"), (std::vector<std::string>{"b", "a"}));
  for (const char* wrong : {"3", "[3]", R"({"a": "b"})", "true"})
    EXPECT_EQ(names(wrong), std::vector<std::string>{"wrong"}) << wrong;
}

TEST(Queries, MayBeObjectsWithText) {
  const auto query = [](const char* value) {
    const ParsedJson body = parsed(std::string(R"({"query": )") + value + "}");
    FieldReader fields(body);
    std::string text = read_query_text(fields, "query");
    return fields.good() ? text : fields.status().error().message();
  };
  EXPECT_EQ(query(R"("q")"), "q");
  EXPECT_EQ(query(R"({"text": "q"})"), "q");
  EXPECT_EQ(query(R"({"Content": "q"})"), "q");
  EXPECT_EQ(query("null"), "\"query\" is missing");
  EXPECT_EQ(query("5"), "\"query\" must be a string, found a number");
  EXPECT_EQ(query(R"({"image": "q"})"), "\"query\" must be a string, found an object");
  EXPECT_EQ(query(R"(" \n")"), "\"query\" is empty");
}

// As users of Qwen3-Reranker write both sides.
TEST(Instructions, AreTakenOutOfTexts) {
  const auto taken = [](std::string query, std::string document) {
    RerankRequest request;
    request.queries.push_back({.id = "1", .text = std::move(query), .passages = {}});
    request.queries.front().passages.push_back({.id = "1", .title = {}, .text = std::move(document)});
    take_instructions_out(request);
    const RerankQuery& read = request.queries.front();
    return read.instruction + "|" + read.text + "|" + read.passages.front().text;
  };
  EXPECT_EQ(taken("<Instruct>: find a poem\n<Query>: the sea\n", "<Document>: waves"),
            "find a poem|the sea|waves");
  EXPECT_EQ(taken("<|im_start|>system\nJudge.<|im_end|>\n<|im_start|>user\n<Instruct>: find\n<Query>:sea\n",
                  "<Document>: waves<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"),
            "find|sea|waves");
  EXPECT_EQ(taken("<Instruct>: find\n<Query>: sea", "plain <Document>: waves"),
            "find|sea|plain <Document>: waves");
  // Nothing of the kind.
  EXPECT_EQ(taken("the sea", "<Document>: waves"), "|the sea|<Document>: waves");
  EXPECT_EQ(taken("what does <Instruct>: mean before <Query>: here?", "a"),
            "|what does <Instruct>: mean before <Query>: here?|a");
  EXPECT_EQ(taken("<Instruct>: find\n<Query>: ", "a"), "|<Instruct>: find\n<Query>: |a");
  EXPECT_EQ(taken("<Instruct>: find", "a"), "|<Instruct>: find|a");
}

}  // namespace
}  // namespace headwise::serve
