// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Every reader of documents knows the same names, and the same one wins wherever it stands.
#include "formats/record_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/candidate_json.h"
#include "formats/json_record.h"
#include "headwise/dataset.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* line;
  const char* id;
  const char* title;
  const char* text;
};
constexpr Case kCases[] = {
    {R"({"_id":"a7","id":"row-1","title":"T","text":"x"})", "a7", "T", "x"},
    {R"({"id":"row-1","text":"x","_id":"a7"})", "a7", "", "x"},
    {R"({"contents":"short","docid":"d","text":"x","id":"i"})", "i", "", "x"},
    {R"({"idx":3,"docno":"FT911-3","Title":"T","Body":"x"})", "FT911-3", "T", "x"},
    {R"({"pid":"p_0_12","docid":"doc_0","passage":"x","spans":"[0,4]"})", "p_0_12", "", "x"},
    {R"({"ID":"upper","docid":"lower","TEXT":"no","body":"x"})", "lower", "", "x"},
    {R"({"_id":null,"id":5,"title":null,"text":null,"page_content":"x"})", "5", "", "x"},
    {R"({"id":"i","text":"no","text":"x"})", "i", "", "x"},
    {R"({"id":"i","body":{"a":[1]},"content":["b"],"text":"x","metadata":{"_id":"m","text":"no"}})", "i", "",
     "x"},
    {R"({"\u0069d":"low","\u005fid":"top","t\u0065xt":"x"})", "top", "", "x"},
    {R"({"Text":"x","TEXT":"later in the alphabet is earlier","id":"i"})", "i", "",
     "later in the alphabet is earlier"},
    {R"({"TEXT":"earlier","id":"i","Text":"x"})", "i", "", "earlier"},
    {R"({"id":"i","Title":"only a title"})", "i", "only a title", ""},
    // A text that is null is there and empty: what a table has where a cell is missing.
    {R"({"id":"i","text":null})", "i", "", ""},
    {R"({"CONTENTS":null,"id":"i"})", "i", "", ""},
    {R"({"id":"i","title":null,"text":null,"body":null})", "i", "", ""},
    {R"({"id":"i","t\u0065xt":null,"metadata":{"text":"no"}})", "i", "", ""},
    {R"({"id":"i","text":null,"title":"T"})", "i", "T", ""},
};

TEST(RecordNames, ALineOfACollection) {
  for (const Case& at : kCases) {
    const auto record = parse_json_record(at.line, std::nullopt);
    ASSERT_TRUE(record && *record) << at.line;
    EXPECT_EQ((*record)->id, at.id) << at.line;
    EXPECT_EQ((*record)->title, at.title) << at.line;
    EXPECT_EQ((*record)->text.value_or(""), at.text) << at.line;
  }
}

TEST(RecordNames, PassagesOfOneQuery) {
  for (const Case& at : kCases) {
    const auto passages = parse_passages(at.line, "x.jsonl");
    ASSERT_TRUE(passages) << at.line << ": " << passages.error().message();
    const Document& passage = passages->items()[0];
    EXPECT_EQ(passage.id, at.id) << at.line;
    EXPECT_EQ(passage.title, at.title) << at.line;
    EXPECT_EQ(passage.text, at.text) << at.line;
  }
}

TEST(RecordNames, CandidatesOfARequest) {
  for (const Case& at : kCases) {
    const std::string line = R"({"qid":"q","query":"who?","candidates":[)" + std::string(at.line) + "]}";
    const auto file = parse_candidates(line, "x.jsonl");
    ASSERT_TRUE(file) << at.line << ": " << file.error().message();
    const Document& passage = file->documents[0].items()[0];
    EXPECT_EQ(passage.id, at.id) << at.line;
    EXPECT_EQ(passage.title, at.title) << at.line;
    EXPECT_EQ(passage.text, at.text) << at.line;
  }
}

// An id that is not asked for ends the reading of a line only where no better one can follow.
TEST(RecordNames, ALineIsLeftWhenItsIdIsKnown) {
  const IdSet wanted{"a7", "b8"};
  const auto read = [&](const char* line) { return parse_json_record(line, wanted); };
  for (const char* line : {R"({"_id":"zz","text": broken)", R"({"id":"zz","text": broken)"}) {
    const auto record = read(line);
    ASSERT_TRUE(record) << line;
    EXPECT_FALSE(*record) << line;
  }
  EXPECT_TRUE(*read(R"({"id":"zz","_id":"a7","text":"x"})"));
  EXPECT_TRUE(*read(R"({"docid":"zz","text":"x","id":"b8"})"));
  EXPECT_TRUE(*read(R"({"docid":"zz","text":"x","\u0069d":"b8"})"));
  EXPECT_FALSE(*read(R"({"id":"a7","_id":"zz","text":"x"})"));
}

TEST(RecordNames, OnlyTheWinnersTypeCounts) {
  const auto problem = [](const char* line) {
    const auto record = parse_json_record(line, std::nullopt);
    return record ? "no error" : record.error().message();
  };
  EXPECT_THAT(problem(R"({"id":"i","contents":"x","text":[1]})"), HasSubstr("under 'text', found a list"));
  EXPECT_THAT(problem(R"({"id":1.5,"text":"x"})"), HasSubstr("under 'id', found a fraction"));
  EXPECT_THAT(problem(R"({"id":1e400,"text":"x"})"), HasSubstr("number overflow"));
  EXPECT_EQ(problem(R"({"_id":"i","id":{"$oid":"507f"},"text":"x","body":7})"), "no error");
}

// Nothing under any name for the text is another matter: its maker calls it otherwise.
TEST(RecordNames, ATextUnderNoKnownNameIsToldAndNotEmpty) {
  for (const char* line : {R"({"id":"i"})", R"({"id":"i","title":null})", R"({"id":"i","abstract":null})",
                           R"({"id":"i","metadata":{"text":null}})", R"({"id":"i","passages":[null]})"}) {
    const auto record = parse_json_record(line, std::nullopt);
    ASSERT_TRUE(record && *record) << line;
    EXPECT_FALSE((*record)->text) << line;
    EXPECT_FALSE(parse_passages(line, "x.jsonl")) << line;
    EXPECT_FALSE(
        parse_candidates(R"({"qid":"q","query":"who?","candidates":[)" + std::string(line) + "]}", "x.jsonl"))
        << line;
  }
}

TEST(RecordNames, ForMessages) {
  EXPECT_EQ(names_of(RecordMember::kTitle), "'title'");
  EXPECT_THAT(names_of(RecordMember::kId), HasSubstr("'_id' (or id, pid, "));
}

}  // namespace
}  // namespace headwise
