// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Requests whose passages come from a folder or from behind a server have the scores that they have when
// nothing is kept, to the last bit, whatever happens to where they were; in other forms, those of first
// sight.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "headwise/reranker.h"
#include "passages/passage_store.h"
#include "support/key_value_server.h"
#include "support/model_name.h"
#include "support/paths.h"

namespace headwise {
namespace {

using Hits = std::vector<std::pair<int, double>>;

class KeptStores : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    model = Model::load(test_data() / "golden" / "models" / GetParam(), {}).value();
    folder = std::filesystem::temp_directory_path() / ("headwise-kept-stores-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder);
    std::mt19937_64 random(1);
    const std::vector<std::string> words{"tea", "leaf", "northern", "sea", "of", "the", "grain", "tower"};
    for (size_t i = 0; i < 12; ++i) {
      std::string text = words[i % words.size()];
      for (uint64_t n = random() % 50; n > 0; --n) text += " " + words[random() % words.size()];
      pool.push_back({.id = {}, .title = "", .text = text});
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Reranker reranker(const std::string& store, const KeepOptions& keep = {}) const {
    RerankerOptions options;
    options.calibration = Calibration::kNa;
    options.threads = 2;
    options.keep = keep;
    options.keep.store = store;
    return Reranker::create(model, std::move(options)).value();
  }
  std::vector<Passage> some(uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::vector<Passage> passages;
    for (int i = 0; i < 6; ++i) passages.push_back(pool[random() % pool.size()]);
    return passages;
  }
  static Hits rank(Reranker& reranker, const std::vector<Passage>& passages, int64_t* kept = nullptr) {
    const auto ranking = reranker.rank("the lamp of the tower?", passages);
    EXPECT_TRUE(ranking) << ranking.error().to_string();
    if (!ranking) return {};
    if (kept != nullptr) *kept = ranking->statistics.passages_kept;
    Hits hits;
    for (const ScoredPassage& hit : ranking->passages) hits.emplace_back(hit.index, hit.score);
    return hits;
  }
  // What a process after another sees: mixtures of what is kept and what is not, then everything.
  void expect_bits(const std::string& store) {
    Reranker plain = reranker("");
    for (uint64_t round = 0; round < 5; ++round) {
      Reranker keeping = reranker(store);
      EXPECT_EQ(rank(keeping, some(round)), rank(plain, some(round))) << "round " << round;
    }
    Reranker keeping = reranker(store);
    ASSERT_TRUE(keeping.keep_passages(pool));
    Reranker later = reranker(store);
    int64_t kept = 0;
    EXPECT_EQ(rank(later, pool, &kept), rank(plain, pool));
    EXPECT_EQ(kept, static_cast<int64_t>(pool.size()));
    EXPECT_EQ(later.kept().store_errors, 0U);
  }

  std::shared_ptr<const Model> model;
  std::vector<Passage> pool;
  std::filesystem::path folder;
};

TEST_P(KeptStores, AFolderGivesTheSameBits) { expect_bits(folder.string()); }

TEST_P(KeptStores, AServerGivesTheSameBits) {
  if (testing::KeyValueServer::program().empty())
    GTEST_SKIP() << "hardware: no redis-server, no valkey-server";
  testing::KeyValueServer server;
  expect_bits(server.address("?timeout_ms=5000"));
  Reranker plain = reranker("");
  Reranker keeping = reranker(server.address());
  server.kill();
  EXPECT_EQ(rank(keeping, some(9)), rank(plain, some(9)));
  EXPECT_GT(keeping.kept().store_errors, 0U);
}

TEST_P(KeptStores, OtherFormsAreThoseOfFirstSight) {
  const std::vector<KeepOptions> forms = {{.type = KeptType::kBfloat16},
                                          {.type = KeptType::kInt8},
                                          {.type = KeptType::kInt8, .budget = {.share = 0.25}}};
  for (size_t form = 0; form < forms.size(); ++form) {
    const std::string store = folder.string() + "/" + std::to_string(form);
    Hits first;
    {
      Reranker keeping = reranker(store, forms[form]);
      first = rank(keeping, pool);
    }
    Reranker keeping = reranker(store, forms[form]);
    int64_t kept = 0;
    EXPECT_EQ(rank(keeping, pool, &kept), first) << "form " << form;
    EXPECT_EQ(kept, static_cast<int64_t>(pool.size()));
  }
}

TEST_P(KeptStores, ADamagedFolderGivesTheSameBits) {
  {
    Reranker keeping = reranker(folder.string());
    ASSERT_TRUE(keeping.keep_passages(pool));
  }
  Reranker plain = reranker("");
  const Hits expected = rank(plain, pool);
  std::mt19937_64 random(3);
  uint64_t errors = 0;
  for (int round = 0; round < 8; ++round) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const auto size = static_cast<uint64_t>(entry.file_size());
      if (size == 0 || entry.path().filename() == "store.json") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      const auto place = static_cast<std::streamoff>(random() % size);
      const int byte = file.seekg(place).get();
      file.seekp(place).put(static_cast<char>(byte ^ (1 << random() % 8)));
    }
    Reranker keeping = reranker(folder.string());
    EXPECT_EQ(rank(keeping, pool), expected) << "round " << round;
    errors += keeping.kept().store_errors;
  }
  EXPECT_GT(errors, 0U);
}

INSTANTIATE_TEST_SUITE_P(Models, KeptStores,
                         ::testing::Values("tiny-qwen3", "tiny-llama", "tiny-qwen2", "tiny-mistral"),
                         kModelName);

}  // namespace
}  // namespace headwise
