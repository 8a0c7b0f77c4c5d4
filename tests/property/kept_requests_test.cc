// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Requests whose passages are kept from earlier ones have the scores, head by head and token by token, that
// they have when nothing is kept, to the last bit: in any order and mixture of new and known passages, at any
// number of threads, at first sight and later.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "headwise/explanation.h"
#include "headwise/reranker.h"
#include "support/model_name.h"
#include "support/paths.h"

namespace headwise {
namespace {

constexpr uint64_t kMegabyte = uint64_t{1} << 20;
const std::vector<std::string> kQueries{"the lamp of the tower?", "grain", "who lit it, and why the sea"};

std::shared_ptr<const Model> model_of(const std::string& name) {
  return Model::load(test_data() / "golden" / "models" / name, {}).value();
}

std::vector<Passage> texts_of(size_t count, size_t most_words, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> words{"tea", "leaf",  "northern", "sea",  "of",
                                       "the", "grain", "tower",    "lamp", "\u00e9t\u00e9"};
  std::vector<Passage> passages;
  for (size_t i = 0; i < count; ++i) {
    std::string text = words[i % words.size()];
    for (uint64_t n = random() % most_words; n > 0; --n) text += " " + words[random() % words.size()];
    passages.push_back({.id = {}, .title = i % 3 == 0 ? "A title" : "", .text = text});
  }
  return passages;
}

Reranker reranker_of(const std::shared_ptr<const Model>& model, RerankerOptions options, uint64_t memory,
                     int threads = 2) {
  options.keep.memory = memory;
  options.threads = threads;
  return Reranker::create(model, std::move(options)).value();
}

std::vector<std::pair<int, double>> hits_of(const Ranking& ranking) {
  std::vector<std::pair<int, double>> hits;
  for (const ScoredPassage& hit : ranking.passages) hits.emplace_back(hit.index, hit.score);
  return hits;
}

std::vector<double> numbers_of(const Explanation& explanation) {
  std::vector<double> numbers;
  for (const ExplainedPassage& passage : explanation.passages) {
    numbers.insert(numbers.end(), {static_cast<double>(passage.index), passage.score});
    for (const ExplainedToken& token : passage.tokens) {
      numbers.insert(numbers.end(), {token.weight, token.attention, static_cast<double>(token.dropped_by)});
    }
    for (const auto& head : passage.heads) {
      for (const HeadTokenView& view : head) numbers.push_back(view.weight);
    }
  }
  return numbers;
}

// Everything that a request gives, by both; tokens_run of the second is the reader's to look at.
RankingStatistics expect_same(Reranker& plain, Reranker& keeping, const std::string& query,
                              const std::vector<Passage>& passages) {
  const Ranking expected = plain.rank(query, passages).value();
  const auto found = keeping.rank(query, passages);
  EXPECT_TRUE(found) << found.error().to_string();
  if (!found) return {};
  EXPECT_EQ(hits_of(*found), hits_of(expected)) << "at first sight";
  EXPECT_EQ(hits_of(keeping.rank(query, passages).value()), hits_of(expected)) << "later";
  const HeadScores by_head = plain.head_scores(query, passages).value();
  EXPECT_EQ(keeping.head_scores(query, passages).value().values, by_head.values);
  const ExplainOptions wish{.heads = {}, .per_head = true};
  EXPECT_EQ(numbers_of(keeping.explain(query, passages, wish).value()),
            numbers_of(plain.explain(query, passages, wish).value()));
  EXPECT_EQ(found->statistics.prompt_tokens, expected.statistics.prompt_tokens);
  EXPECT_EQ(found->statistics.passage_tokens, expected.statistics.passage_tokens);
  return found->statistics;
}

class KeptRequests : public ::testing::TestWithParam<std::string> {};

TEST_P(KeptRequests, RandomMixturesHaveTheBitsOfRequestsWithoutAnythingKept) {
  const auto model = model_of(GetParam());
  std::vector<Passage> pool = texts_of(24, 60, 1);
  pool.push_back(pool[3]);  // under another index
  std::mt19937_64 random(2);
  RerankerOptions options;
  options.calibration = Calibration::kNa;
  Reranker plain = reranker_of(model, options, 0);
  std::vector<Reranker> keeping;
  // Memory is one for all of a process.
  const uint64_t before = reranker_of(model, options, 64 * kMegabyte).kept().passages;
  for (int threads = 1; threads <= 3; ++threads) {
    keeping.push_back(reranker_of(model, options, 64 * kMegabyte, threads));
  }
  for (size_t round = 0; round < 9; ++round) {
    std::vector<Passage> passages;
    for (uint64_t n = 1 + random() % 7; n > 0; --n) passages.push_back(pool[random() % pool.size()]);
    SCOPED_TRACE("round " + std::to_string(round));
    expect_same(plain, keeping[round % 3], kQueries[random() % kQueries.size()], passages);
  }
  // Everything is known now, or becomes so.
  for (Reranker& reranker : keeping) ASSERT_TRUE(reranker.keep_passages(pool));
  const RankingStatistics statistics = expect_same(plain, keeping[2], kQueries[0], pool);
  EXPECT_EQ(statistics.passages_kept, static_cast<int64_t>(pool.size()));
  EXPECT_LT(statistics.tokens_run, statistics.prompt_tokens - statistics.passage_tokens);
  const KeepStatistics kept = keeping[0].kept();
  EXPECT_EQ(kept.passages - before, pool.size()) << "the prefix too, and the one that came twice once";
  EXPECT_GT(kept.hits, 0U);
  EXPECT_GT(kept.misses, 0U);
}

TEST_P(KeptRequests, AMemoryThatIsTooSmallOnlyForgets) {
  const auto model = model_of(GetParam());
  const std::vector<Passage> pool = texts_of(20, 40, 3);
  Reranker plain = reranker_of(model, {}, 0);
  Reranker keeping = reranker_of(model, {}, kMegabyte / 8);
  std::mt19937_64 random(4);
  for (size_t round = 0; round < 6; ++round) {
    std::vector<Passage> passages;
    for (int i = 0; i < 8; ++i) passages.push_back(pool[random() % pool.size()]);
    expect_same(plain, keeping, kQueries[round % 3], passages);
    EXPECT_LE(keeping.kept().bytes, kMegabyte / 8);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, KeptRequests,
                         ::testing::Values("tiny-qwen3", "tiny-llama", "tiny-llama-llama3",
                                           "tiny-llama-linear-f32.gguf", "tiny-llama-yarn", "tiny-qwen2",
                                           "tiny-mistral", "tiny-mistral-window", "tiny-gemma2",
                                           "tiny-gemma3", "tiny-olmo2", "tiny-smollm3", "tiny-granite",
                                           "tiny-qwen3moe"),
                         kModelName);

// Its positions turn otherwise in long prompts: what was kept in a short one would be wrong there.
TEST(KeptRequestsOptions, LongropeIsRefusedByName) {
  RerankerOptions options;
  options.encoding = Encoding::kBlocks;
  options.keep.memory = kMegabyte;
  const auto refused = Reranker::create(model_of("tiny-phi4"), options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message().find("longrope"), std::string::npos);
}

TEST(KeptRequestsOptions, EveryReadingHasItsBits) {
  const auto model = model_of("tiny-llama");
  const std::vector<Passage> passages = texts_of(7, 30, 5);
  for (const Calibration calibration : {Calibration::kNone, Calibration::kNa, Calibration::kRatio}) {
    for (const int block_span : {0, 120}) {
      RerankerOptions options;
      options.calibration = calibration;
      options.block_span = block_span;
      options.filter_after_sum = calibration == Calibration::kNa && block_span > 0;
      options.heads = HeadSelection::parse("1-3,0-0,1-1").value();
      options.heads.weights = {1.0, -0.5, 2.0};
      options.order = CandidateOrder::kShuffled;
      if (calibration != Calibration::kRatio) options.prompt_template = "blocks-short";
      Reranker plain = reranker_of(model, options, 0);
      Reranker keeping = reranker_of(model, options, 8 * kMegabyte);
      expect_same(plain, keeping, kQueries[0], passages);
    }
  }
}

// What is kept reaches to the deepest layer of the options' heads, and serves every set as deep or less.
TEST(KeptRequestsOptions, HeadSetsOfEqualDepthShareAndDeeperOnesRunAsIfNothingWereKept) {
  const auto model = model_of("tiny-llama");  // three layers
  const std::vector<Passage> passages = texts_of(5, 30, 6);
  const auto with = [](const char* heads, int keep_layer) {
    RerankerOptions options;
    options.heads = HeadSelection::parse(heads).value();
    options.keep_layer = keep_layer;
    return options;
  };
  const auto five = static_cast<int64_t>(passages.size());
  Reranker one = reranker_of(model, with("1-0,0-3", -1), 8 * kMegabyte);
  Reranker other = reranker_of(model, with("1-3,1-2", -1), 8 * kMegabyte);
  Reranker shallow = reranker_of(model, with("0-1", 1), 8 * kMegabyte);
  ASSERT_EQ(one.keep_passages(passages).value().encoded, five);
  EXPECT_EQ(one.keep_passages(passages).value().kept_before, five);
  for (Reranker* reranker : {&other, &shallow}) {
    RerankerOptions options = reranker->options();
    Reranker plain = reranker_of(model, options, 0);
    EXPECT_EQ(expect_same(plain, *reranker, kQueries[0], passages).passages_kept, five);
  }
  Reranker plain = reranker_of(model, with("1-0,0-3", -1), 0);
  const std::vector<HeadId> deep{{2, 1}};
  const Ranking expected = plain.rank_with(deep, kQueries[1], passages).value();
  const Ranking found = one.rank_with(deep, kQueries[1], passages).value();
  EXPECT_EQ(hits_of(found), hits_of(expected));
  EXPECT_EQ(found.statistics.passages_kept, 0);
  EXPECT_EQ(found.statistics.tokens_run, found.statistics.prompt_tokens);
}

class StopAfter final : public ProgressSink {
 public:
  explicit StopAfter(int calls) : left_(calls) {}
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override { return left_-- <= 0; }

 private:
  mutable int left_;
};

TEST(KeptRequestsOptions, WhatIsStoppedKeepsNothing) {
  const auto model = model_of("tiny-qwen2");
  const std::vector<Passage> passages = texts_of(4, 30, 7);
  Reranker plain = reranker_of(model, {}, 0);
  Reranker keeping = reranker_of(model, {}, 8 * kMegabyte);
  StopAfter stop(1);
  EXPECT_EQ(keeping.rank(kQueries[0], passages, &stop).error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(keeping.kept().passages, 0U);
  StopAfter again(1);
  EXPECT_EQ(keeping.keep_passages(passages, &again).error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(keeping.kept().passages, 0U);
  expect_same(plain, keeping, kQueries[0], passages);
}

TEST(KeptRequestsOptions, ContradictionsAreNamed) {
  const auto model = model_of("tiny-qwen2");
  const auto refusal = [&](RerankerOptions options) {
    const auto made = Reranker::create(model, std::move(options));
    EXPECT_FALSE(made);
    return made ? std::string() : made.error().message();
  };
  RerankerOptions options;
  options.encoding = Encoding::kList;
  options.keep.memory = 1;
  EXPECT_NE(refusal(options).find("each passage sees the ones before it"), std::string::npos);
  options = {};
  options.keep.type = KeptType::kInt8;
  EXPECT_NE(refusal(options).find("add --keep-memory"), std::string::npos);
  options = {};
  options.keep.memory = 1;
  options.keep.second_sight = true;
  EXPECT_NE(refusal(options).find("add --keep DIR"), std::string::npos);
  Reranker nothing = Reranker::create(model, {}).value();
  EXPECT_EQ(nothing.keep_passages(texts_of(1, 5, 8)).error().code(), ErrorCode::kUsage);
}

// Slow: passages as long as the longest that are promised, on a model whose context is made longer.
TEST(KeptRequestsSlow, PassagesOfTwoThousandTokens) {
  namespace fs = std::filesystem;
  const fs::path from = test_data() / "golden" / "models" / "tiny-llama";
  const fs::path folder =
      fs::temp_directory_path() / ("kept_requests_" + std::to_string(std::random_device{}()));
  fs::create_directory(folder);
  for (const char* name : {"model.safetensors", "tokenizer.json"}) {
    fs::create_symlink(fs::absolute(from / name), folder / name);
  }
  std::ifstream file(from / "config.json");
  nlohmann::json config = nlohmann::json::parse(file);
  config["max_position_embeddings"] = 16384;
  std::ofstream(folder / "config.json") << config;
  const auto model = Model::load(folder, {}).value();
  fs::remove_all(folder);
  std::vector<Passage> passages = texts_of(5, 100, 9);
  for (Passage& passage : passages) passage.title.clear();
  RerankerOptions options;
  options.max_words = 0;
  options.max_tokens = 2000;
  for (size_t i = 1; i < passages.size(); ++i) {
    while (passages[i].text.size() < 12000 / i) passages[i].text += " " + passages[i].text;
  }
  Reranker plain = reranker_of(model, options, 0);
  Reranker keeping = reranker_of(model, options, 64 * kMegabyte);
  EXPECT_GT(expect_same(plain, keeping, kQueries[0], {passages[0], passages[1]}).prompt_tokens, 2000);
  EXPECT_EQ(expect_same(plain, keeping, kQueries[1], passages).passages_kept, 2);
  EXPECT_EQ(expect_same(plain, keeping, kQueries[2], passages).passages_kept, 5);
}

}  // namespace
}  // namespace headwise
