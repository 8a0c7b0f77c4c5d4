// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/target_file.h"

#include <gtest/gtest.h>

#include <string>

namespace headwise {
namespace {

constexpr const char* kLine =
    R"({"set": "a", "passages": [{"title": "T", "text": "one"}, {"text": "two"}], "queries": ["q", "r"], )"
    R"("scores": [[0.5, -1], [0, 1e-3]]})";

TEST(TargetFile, ReadsABatchALine) {
  const auto batches = parse_targets(std::string(kLine) + "\n\n" + kLine + "\n");
  ASSERT_TRUE(batches) << batches.error().to_string();
  ASSERT_EQ(batches->size(), 2u);
  const TrainingBatch& batch = batches->front();
  EXPECT_EQ(batch.set, "a");
  ASSERT_EQ(batch.passages.size(), 2u);
  EXPECT_EQ(batch.passages[0].title, "T");
  EXPECT_EQ(batch.passages[1].text, "two");
  ASSERT_EQ(batch.queries.size(), 2u);
  EXPECT_EQ(batch.queries[0].teacher, (std::vector<float>{0.5f, -1.0f}));
  EXPECT_TRUE(batch.queries[0].grades.empty());
}

TEST(TargetFile, GradesStandBesideScores) {
  const auto batches =
      parse_targets(R"({"passages": [{"text": "one"}, {"text": "two"}], "queries": ["q", "r"], )"
                    R"("scores": [[0.5, -1], [0, 1]], "grades": [[0, 3], []]})");
  ASSERT_TRUE(batches) << batches.error().to_string();
  const auto& queries = batches->front().queries;
  EXPECT_EQ(queries[0].grades, (std::vector<int>{0, 3}));
  EXPECT_EQ(queries[0].teacher, (std::vector<float>{0.5f, -1.0f}));
  EXPECT_TRUE(queries[1].grades.empty());
}

TEST(TargetFile, SaysWhatIsWrongInWhichLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no batch"},
      {"[1]", "a JSON object"},
      {"{\"passages\": []}", "not empty"},
      {R"({"passages": [{"text": "a"}], "queries": ["q"], "scores": [[1]]})", "two passages"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1]]})", "2 numbers"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q", "r"], "scores": [[1, 2]]})",
       "as many rows"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1, "2"]]})",
       "finite numbers"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1, 1e300]]})",
       "finite numbers"},
      {R"({"passages": [{"text": 1}, {"text": "b"}], "queries": ["q"], "scores": [[1, 2]]})", "with a text"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": [7], "scores": [[1, 2]]})", "strings"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1, 2]], "grades": []})",
       "as many rows of grades"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1, 2]], "grades": [[1]]})",
       "2 numbers"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1, 2]], "grades": [[1, 0.5]]})",
       "whole numbers"},
      {R"({"passages": [{"text": "a"}, {"text": "b"}], "queries": ["q"], "scores": [[1, 2]], "grades": [[1, -1]]})",
       "whole numbers"},
      {"{\"passages\": ", "line 2"}};
  for (const auto& [line, words] : cases) {
    const auto batches = parse_targets((*line == '\0' ? std::string() : std::string(kLine) + "\n") + line);
    ASSERT_FALSE(batches) << line;
    EXPECT_EQ(batches.error().code(), ErrorCode::kInvalidInput);
    EXPECT_NE(batches.error().to_string().find(words), std::string::npos) << batches.error().to_string();
  }
}

}  // namespace
}  // namespace headwise
