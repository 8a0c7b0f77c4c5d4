// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "support/paths.h"

namespace headwise {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class BeirFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("headwise_beir_" + std::to_string(::getpid()) + "_" +
                                           ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_ / "qrels");
    put("corpus.jsonl",
        "{\"_id\": \"d1\", \"title\": \"T\", \"text\": \"one\", \"metadata\": {\"text\": \"no\", \"_id\": "
        "[1]}}\n"
        "{\"_id\": \"d2\", \"title\": null, \"text\": \"caf\\u00e9\"}\n"
        "{\"_id\": 3, \"text\": \"three\"}\n");
    put("queries.jsonl",
        "{\"_id\": \"q1\", \"text\": \"first?\"}\n{\"_id\": \"q2\", \"text\": \"second?\"}\n");
    put("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td2\t1\n");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
  std::string problem(const BeirOptions& options = {}) {
    auto data = read_beir(folder_, options);
    return data ? "no error" : data.error().to_string();
  }
  fs::path folder_;
};

TEST_F(BeirFolder, ReadsAll) {
  auto data = read_beir(folder_, {});
  ASSERT_TRUE(data) << data.error().to_string();
  EXPECT_EQ(data->documents.size(), 3u);
  EXPECT_EQ(data->documents.find("d1")->title, "T");
  EXPECT_EQ(data->documents.find("d1")->text, "one");
  EXPECT_EQ(data->documents.find("d2")->text, "caf\xC3\xA9");
  EXPECT_EQ(data->documents.find("3")->text, "three");
  EXPECT_EQ(data->queries.find("q2")->text, "second?");
  EXPECT_EQ(data->qrels.queries.size(), 1u);
}

TEST_F(BeirFolder, KeepsOnlyWhatIsAskedFor) {
  put("corpus.jsonl",
      "{\"_id\": \"d1\", \"text\": \"one\"}\n{\"_id\": \"d2\", \"text\": broken and not asked for\n"
      "{\"_id\": \"d3\", \"text\": \"three\"}\n");
  auto data = read_beir(folder_, {.split = "", .documents = IdSet{"d1", "d3"}, .queries = IdSet{"q2"}});
  ASSERT_TRUE(data) << data.error().to_string();
  EXPECT_EQ(data->documents.size(), 2u);
  EXPECT_EQ(data->queries.size(), 1u);
  EXPECT_TRUE(data->qrels.queries.empty());
}

TEST_F(BeirFolder, NamesWhatTheCollectionLacks) {
  EXPECT_THAT(problem({.documents = IdSet{"d1", "d8", "d9"}}),
              HasSubstr("lacks 2 of the 3 documents asked for: 'd8', 'd9'"));
  EXPECT_THAT(problem({.queries = IdSet{"q7"}}), HasSubstr("lacks 1 of the 1 queries asked for: 'q7'"));
}

TEST_F(BeirFolder, MissingFilesAndBadLines) {
  EXPECT_THAT(problem({.split = "dev"}), HasSubstr("dev.tsv' is not there"));
  put("corpus.jsonl", "{\"_id\": \"d1\", \"text\": \"one\"}\n{\"_id\": \"d1\", \"text\": \"two\"}\n");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl:2: id 'd1' is given twice, first on line 1"));
  put("corpus.jsonl", "{\"_id\": \"d1\", \"text\": 5}\n");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl:1: expected text under 'text', found a number"));
  put("corpus.jsonl", "{\"_id\": \"d1\", \"text\": \"\xFF\"}\n");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl:1: parse error"));
  put("corpus.jsonl", "{\"text\": \"x\"}\n");
  EXPECT_THAT(problem(), HasSubstr("expected an id under '_id'"));
  put("corpus.jsonl", "{\"_id\": \"d1\"}\n");
  EXPECT_THAT(problem(), HasSubstr("record 'd1' has no 'text'"));
  put("corpus.jsonl", "plain words\n");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl:1: expected a JSON object or an id, a tab and a text"));
  put("corpus.jsonl", "");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl is empty"));
  fs::remove(folder_ / "corpus.jsonl");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl' is not there: expected a BEIR folder"));
  put("corpus.jsonl.gz", "");
  EXPECT_THAT(problem(), HasSubstr("corpus.jsonl.gz' first"));
}

TEST_F(BeirFolder, TabSeparatedTables) {
  put("collection.tsv", "0\tThe presence of\tcommunication\n1\tsecond\n");
  auto documents = read_documents(folder_ / "collection.tsv");
  ASSERT_TRUE(documents) << documents.error().to_string();
  EXPECT_EQ(documents->find("0")->text, "The presence of\tcommunication");
  put("queries.tsv", "5\tbad \xFF\n");
  auto queries = read_queries(folder_ / "queries.tsv");
  ASSERT_FALSE(queries);
  EXPECT_THAT(queries.error().message(), HasSubstr("queries.tsv:1: byte 7 is not valid UTF-8"));
}

TEST(SharedCollections, EveryRunFindsItsTexts) {
  const fs::path shared = shared_data();
  if (!fs::exists(shared)) GTEST_SKIP() << "shared: there is no " << shared << "; set HEADWISE_SHARED";
  for (const char* name : {"nfcorpus", "scifact", "dl19", "dl21", "musique"}) {
    const fs::path folder = shared / "data" / name;
    auto run = read_run(folder / (std::string(name) == "musique" ? "run.given.trec" : "run.bm25.trec"));
    ASSERT_TRUE(run) << run.error().to_string();
    const IdSet needed = document_ids(*run);
    auto data = read_beir(folder, {.documents = needed, .queries = query_ids(*run)});
    ASSERT_TRUE(data) << data.error().to_string();
    EXPECT_EQ(data->documents.size(), needed.size()) << name;
    EXPECT_EQ(data->queries.size(), run->queries.size()) << name;
  }
}

}  // namespace
}  // namespace headwise
