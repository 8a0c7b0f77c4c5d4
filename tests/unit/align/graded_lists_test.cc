// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "align/data/graded_lists.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace headwise {
namespace {

namespace fs = std::filesystem;

GradedQuery made_up_query(int relevant, int others) {
  GradedQuery query{"q", "why?", {}};
  for (int i = 0; i < relevant + others; ++i) {
    GradedCandidate candidate;
    candidate.passage.id = "d" + std::to_string(i);
    candidate.passage.text = "text " + std::to_string(i);
    candidate.grade = i < relevant ? 1 + i % 2 : 0;
    query.candidates.push_back(candidate);
  }
  return query;
}

TEST(GradedLists, SamplesEveryGradeAndHardNegatives) {
  const GradedQuery query = made_up_query(10, 40);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    const std::vector<int> list = sample_list(query, 16, random);
    ASSERT_EQ(list.size(), 16u);
    EXPECT_EQ(std::set<int>(list.begin(), list.end()).size(), 16u);
    std::set<int> grades;
    for (const int place : list) {
      grades.insert(query.candidates[static_cast<size_t>(place)].grade);
      // Half of the list is not relevant: from the first stage's best 16 that are not, places 10 to 25.
      EXPECT_LT(place, 26);
    }
    EXPECT_EQ(grades, (std::set<int>{0, 1, 2}));
  }
}

TEST(GradedLists, ShortQueriesGiveShortLists) {
  std::mt19937_64 random(1);
  EXPECT_EQ(sample_list(made_up_query(1, 2), 16, random).size(), 3u);
  EXPECT_EQ(sample_list(made_up_query(30, 3), 16, random).size(), 8u + 3u);
}

TEST(GradedLists, ABatchSharesPassagesAndKeepsEachQuerysGrades) {
  GradedSet set;
  set.spec.folder = "made-up";
  GradedQuery first = made_up_query(2, 6);
  GradedQuery second = made_up_query(3, 5);  // d2 is relevant here and not there
  second.id = "r";
  second.text = "who?";
  set.queries = {first, second};
  std::mt19937_64 random(3);
  const TrainingBatch batch = sample_batch(set, 2, 8, random);
  EXPECT_EQ(batch.set, "made-up");
  ASSERT_EQ(batch.queries.size(), 2u);
  std::set<std::string> ids;
  for (size_t p = 0; p < batch.passages.size(); ++p) {
    const std::string& id = batch.passages[p].id;
    EXPECT_TRUE(ids.insert(id).second) << "twice: " << id;
    for (const BatchQuery& query : batch.queries) {
      const GradedQuery& source = query.text == "why?" ? first : second;
      const auto judged = std::find_if(source.candidates.begin(), source.candidates.end(),
                                       [&](const GradedCandidate& c) { return c.passage.id == id; });
      EXPECT_EQ(query.grades[p], judged->grade) << id;
    }
  }
}

TEST(GradedLists, AQueryAskedForLeadsItsBatch) {
  GradedSet set;
  for (int i = 0; i < 5; ++i) {
    set.queries.push_back(made_up_query(2, 6));
    set.queries.back().text = std::to_string(i);
  }
  std::mt19937_64 random(3);
  for (size_t i = 0; i < set.queries.size(); ++i) {
    const TrainingBatch batch = sample_batch(set, 3, 8, random, i);
    ASSERT_EQ(batch.queries.size(), 3u);
    EXPECT_EQ(batch.queries.front().text, std::to_string(i));
    std::set<std::string> texts;
    for (const BatchQuery& query : batch.queries) EXPECT_TRUE(texts.insert(query.text).second);
  }
  EXPECT_EQ(sample_batch(set, 9, 8, random, 1).queries.size(), 5u);
}

TEST(GradedLists, SpecificationsAreReadAndRefused) {
  const auto spec =
      parse_data_set("dir=/data/musique/,run=run.trec,split=train,skip=2,first=60,depth=20,weight=.5");
  ASSERT_TRUE(spec) << spec.error().to_string();
  EXPECT_EQ(spec->name(), "musique");
  EXPECT_EQ(spec->run, "run.trec");
  EXPECT_EQ(spec->split, "train");
  EXPECT_EQ(spec->skip, 2);
  EXPECT_EQ(spec->first, 60);
  EXPECT_EQ(spec->depth, 20);
  EXPECT_EQ(spec->weight, 0.5);
  const std::pair<const char*, const char*> wrong[] = {{"", "has no '='"},
                                                       {"dir=a", "run is missing"},
                                                       {"run=a", "dir is missing"},
                                                       {"dir=a,run=b,fist=3", "'fist'"},
                                                       {"dir=a,run=b,first=x", "'first=x'"},
                                                       {"dir=a,run=b,first=-1", "'first=-1'"},
                                                       {"dir=a,run=b,weight=1e", "'weight=1e'"},
                                                       {"dir=,run=b", "'dir='"}};
  for (const auto& [text, words] : wrong) {
    const auto found = parse_data_set(text);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().code(), ErrorCode::kUsage);
    EXPECT_NE(found.error().message().find(words), std::string::npos) << found.error().message();
  }
}

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / ("graded_lists_" + std::string(test->name()));
    fs::create_directories(folder_ / "qrels");
    write("queries.jsonl", "{\"_id\": \"1\", \"text\": \"one\"}\n{\"_id\": \"2\", \"text\": \"two\"}\n");
    write("corpus.jsonl",
          "{\"_id\": \"a\", \"text\": \"A\"}\n{\"_id\": \"b\", \"text\": \"B\"}\n{\"_id\": \"c\", \"text\": "
          "\"C\"}\n");
    write("run.trec", "1 Q0 a 1 2 x\n1 Q0 b 2 1 x\n2 Q0 a 1 2 x\n2 Q0 b 2 1 x\n");
    write("qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\tc\t2\n1\ta\t1\n2\ta\t1\n2\tb\t1\n");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  DataSetSpec spec() const { return {folder_, "run.trec"}; }
  fs::path folder_;
};

TEST_F(Folder, AddsJudgedDocumentsToTrainOnAndLeavesOutQueriesWithOneGrade) {
  const auto set = read_graded_set(spec());
  ASSERT_TRUE(set) << set.error().to_string();
  ASSERT_EQ(set->queries.size(), 1u);  // both candidates of query 2 have grade 1
  EXPECT_EQ(set->left_out, 1);
  const GradedQuery& query = set->queries.front();
  ASSERT_EQ(query.candidates.size(), 3u);
  EXPECT_EQ(query.candidates[0].grade, 1);
  EXPECT_EQ(query.candidates[1].grade, 0);
  EXPECT_EQ(query.candidates[2].passage.id, "c");
  EXPECT_EQ(query.candidates[2].grade, 2);
  EXPECT_EQ(query.candidates[2].first_stage, 0);
}

TEST_F(Folder, HeldOutCandidatesAreTheRunsAlone) {
  DataSetSpec first = spec();
  first.first = 1;
  const auto set = read_held_out_set(first);
  ASSERT_TRUE(set) << set.error().to_string();
  ASSERT_EQ(set->queries.size(), 1u);
  EXPECT_EQ(set->queries.front().candidates.size(), 2u);
  ASSERT_EQ(set->qrels.queries.size(), 1u);
  EXPECT_EQ(set->qrels.queries.front().judgements.size(), 2u);  // the ideal order counts c
}

TEST_F(Folder, NothingToPreferIsAnError) {
  DataSetSpec second = spec();
  second.skip = 1;
  const auto set = read_graded_set(second);
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message().find("nothing to prefer"), std::string::npos);
  second.skip = 2;
  EXPECT_NE(read_graded_set(second).error().message().find("no query left"), std::string::npos);
}

}  // namespace
}  // namespace headwise
