// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The index: scores by the formula whatever is written when, files that are none, files that are damaged.
#include "search/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "search/bm25.h"
#include "search/index_reader.h"
#include "search/index_writer.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Index : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("headwise-index-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    write("facts.txt", "The moon circles the earth.\nEmma is a novel.\nThe moon is dry.\n");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const char* name, std::string_view bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  std::string read(const fs::path& path) const {
    std::stringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    return bytes.str();
  }
  Result<SearchIndex> open() const {
    return SearchIndex::open({.corpus = folder_ / "facts.txt", .index = {}, .word_frequencies = {}}, nullptr);
  }
  fs::path folder_;
};

TEST_F(Index, SaysWhyItWasBuilt) {
  EXPECT_EQ(open()->build_reason(), BuildReason::kNew);
  EXPECT_EQ(open()->build_reason(), BuildReason::kNone);
  write("facts.txt", "The moon.\n");
  EXPECT_EQ(open()->build_reason(), BuildReason::kCorpusChanged);
  EXPECT_EQ(open()->documents(), 1);
}

// What headwise wrote with Xapian begins and holds this (glass, one file).
TEST_F(Index, OfXapianIsBuiltAnew) {
  write("facts.txt.bm25",
        std::string("\x0f\x0dXapian Glass") + std::string(5000, '\1') + "headwise BM25 index 2: words");
  const auto index = open();
  ASSERT_TRUE(index);
  EXPECT_EQ(index->build_reason(), BuildReason::kOlderVersion);
  EXPECT_EQ(open()->build_reason(), BuildReason::kNone);
}

TEST_F(Index, OfOthersIsLeftAlone) {
  for (const std::string& bytes :
       {std::string("\x0f\x0dXapian Glass and somebody's mail"), std::string("text"), std::string(),
        "SQLite format 3" + std::string(200, '\0')}) {
    write("facts.txt.bm25", bytes);
    const auto index = open();
    ASSERT_FALSE(index);
    EXPECT_EQ(index.error().code(), ErrorCode::kInvalidInput);
    EXPECT_THAT(index.error().message(), HasSubstr("no index of headwise; name another with --index"));
    EXPECT_EQ(read(folder_ / "facts.txt.bm25"), bytes);
  }
}

TEST_F(Index, ThatIsDamagedIsAnErrorOrRight) {
  ASSERT_TRUE(open());
  const std::string whole = read(folder_ / "facts.txt.bm25");
  std::mt19937 random(7);
  int failed = 0;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    if (round % 2 == 0) {
      bytes.resize(100 + random() % (whole.size() - 100));
    } else {
      for (int i = 0; i < 8; ++i) bytes[100 + random() % (whole.size() - 100)] = static_cast<char>(random());
    }
    write("facts.txt.bm25", bytes);
    auto index = open();
    const bool failing = !index || !index->search("moon emma", 10);
    if (!index) {
      EXPECT_FALSE(index.error().message().empty());
    }
    failed += failing ? 1 : 0;
  }
  EXPECT_GT(failed, 50);
}

std::string made_up_text(std::mt19937& random) {
  std::string text;
  for (int words = 3 + static_cast<int>(random() % 20); words > 0; --words) {
    // Small numbers are more common.
    text += "w" + std::to_string((random() % 40) * (random() % 40) / 20) + " ";
  }
  return text;
}

// Many documents, all of them by hand.
TEST_F(Index, FindsWhatTheFormulaFinds) {
  std::mt19937 random(11);
  std::vector<std::map<std::string, int>> counted;
  std::vector<double> lengths;
  std::ofstream file(folder_ / "facts.txt");
  for (int i = 0; i < 3000; ++i) {
    const std::string text = made_up_text(random);
    file << text << "\n";
    auto& counts = counted.emplace_back();
    double& length = lengths.emplace_back(0.0);
    std::stringstream words(text);
    for (std::string word; words >> word; ++length) ++counts[word];
  }
  file.close();
  auto index = open();
  ASSERT_TRUE(index);
  double mean = 0.0;
  for (const double length : lengths) mean += length / 3000.0;
  for (const char* query : {"w0", "w1 w7 w7", "w30 w2 w55 unknown"}) {
    std::vector<double> scores(3000, 0.0);
    std::stringstream words(query);
    for (std::string word; words >> word;) {
      double with = 0.0;
      for (const auto& counts : counted) with += counts.contains(word) ? 1.0 : 0.0;
      for (size_t i = 0; i < 3000; ++i) {
        if (!counted[i].contains(word)) continue;
        scores[i] += bm25_part(inverse_document_frequency(3000.0, with), counted[i][word], lengths[i], mean);
      }
    }
    const auto hits = index->search(query, 50);
    ASSERT_TRUE(hits);
    ASSERT_EQ(hits->size(), 50U);
    std::vector<double> sorted = scores;
    std::sort(sorted.rbegin(), sorted.rend());
    for (size_t rank = 0; rank < 50; ++rank) {
      const auto number = static_cast<size_t>(std::stoi((*hits)[rank].document.id) - 1);
      EXPECT_NEAR((*hits)[rank].score, scores[number], 1e-12);
      EXPECT_NEAR((*hits)[rank].score, sorted[rank], 1e-12);
    }
  }
}

TEST_F(Index, IsWrittenThroughLinks) {
  fs::create_directory(folder_ / "elsewhere");
  fs::create_symlink("elsewhere/index", folder_ / "facts.txt.bm25");
  EXPECT_EQ(open()->build_reason(), BuildReason::kNew);
  EXPECT_TRUE(fs::is_symlink(folder_ / "facts.txt.bm25"));
  EXPECT_TRUE(fs::is_regular_file(folder_ / "elsewhere" / "index"));
  EXPECT_EQ(open()->build_reason(), BuildReason::kNone);
}

TEST_F(Index, OrdersTiesAsTheCorpus) {
  write("facts.txt", "moon\nair\nmoon\nmoon air\nmoon\n");
  auto index = open();
  ASSERT_TRUE(index);
  const auto hits = index->search("moon", 3);
  ASSERT_TRUE(hits);
  std::vector<std::string> ids;
  for (const auto& hit : *hits) ids.push_back(hit.document.id);
  EXPECT_THAT(ids, ::testing::ElementsAre("1", "3", "5"));
}

// A term then has a row for each time that postings were written out.
TEST_F(Index, IsTheSameWhenWrittenInParts) {
  const auto write_in = [&](const fs::path& path, size_t bytes) {
    {
      auto writer = IndexWriter::create(path, bytes);
      EXPECT_TRUE(writer);
      std::mt19937 random(5);
      for (int i = 0; i < 500; ++i) {
        EXPECT_TRUE(writer->add({.id = std::to_string(i), .title = {}, .text = made_up_text(random)}));
      }
      EXPECT_TRUE(writer->finish("facts", {}));
    }
    auto reader = IndexReader::open(path);
    EXPECT_TRUE(reader && reader->load());
    std::vector<std::pair<int64_t, double>> best;
    const auto found = reader->best({"w0", "w3", "w3"}, 100, nullptr);
    EXPECT_TRUE(found);
    for (const ScoredDocument& scored : *found) best.emplace_back(scored.number, scored.score);
    return best;
  };
  const auto at_once = write_in(folder_ / "one.bm25", size_t{64} << 20);
  EXPECT_EQ(at_once.size(), 100U);
  EXPECT_EQ(write_in(folder_ / "parts.bm25", 20000), at_once);
  EXPECT_EQ(write_in(folder_ / "single.bm25", 1), at_once);
}

}  // namespace
}  // namespace headwise
