// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Properties of the front door that hold for any text, on a tiny seeded model: orders, duplicates, threads,
// options that only cut, stopping half way.
#include "headwise/reranker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "support/paths.h"

namespace headwise {
namespace {

std::shared_ptr<const Model> tiny_model() {
  static const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
  return model;
}

std::vector<Passage> random_passages(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> words{"tea", "leaf",  "northern", "sea",  "of",
                                       "the", "grain", "tower",    "lamp", "\u00e9t\u00e9"};
  std::vector<Passage> passages;
  for (size_t i = 0; i < count; ++i) {
    std::string text;
    for (uint64_t n = 1 + random() % 25; n > 0; --n) text += words[random() % words.size()] + " ";
    passages.push_back({.id = std::to_string(i),
                        .title = random() % 2 == 0 ? "A title" : "",
                        .text = text,
                        .first_stage_score = static_cast<double>(count - i)});
  }
  return passages;
}

Ranking rank(RerankerOptions options, const std::vector<Passage>& passages) {
  return Reranker::create(tiny_model(), std::move(options))
      .value()
      .rank("the lamp of the tower?", passages)
      .value();
}

std::map<std::string, double> scores_by_id(const Ranking& ranking, const std::vector<Passage>& passages) {
  std::map<std::string, double> scores;
  for (const ScoredPassage& hit : ranking.passages)
    scores[passages[static_cast<size_t>(hit.index)].id] = hit.score;
  return scores;
}

const Calibration kCalibrations[] = {Calibration::kNone, Calibration::kNa, Calibration::kRatio};

TEST(RerankerProperty, BlocksDoNotDependOnTheOrderOfTheCandidates) {
  for (Calibration calibration : kCalibrations) {
    RerankerOptions options;
    options.calibration = calibration;
    std::vector<Passage> passages = random_passages(9, 1);
    const auto expected = scores_by_id(rank(options, passages), passages);
    std::mt19937_64 random(2);
    for (int round = 0; round < 4; ++round) {
      std::shuffle(passages.begin(), passages.end(), random);
      EXPECT_EQ(scores_by_id(rank(options, passages), passages), expected) << "to the last bit";
    }
  }
}

TEST(RerankerProperty, EqualPassagesGetEqualScoresInBlocks) {
  std::vector<Passage> passages = random_passages(5, 3);
  passages.push_back(passages[1]);
  passages.back().id = "twin";
  const auto scores = scores_by_id(rank({}, passages), passages);
  EXPECT_EQ(scores.at("twin"), scores.at("1")) << "to the last bit";
}

TEST(RerankerProperty, ThreadsAndDepthDoNotChangeABit) {
  const std::vector<Passage> passages = random_passages(3, 4);
  for (Encoding encoding : {Encoding::kList, Encoding::kBlocks}) {
    RerankerOptions options;
    options.encoding = encoding;
    options.max_words = 10;  // the tiny model's context is short
    options.heads = HeadSelection::parse("1-2,0-1").value();
    options.threads = 1;
    const auto expected = scores_by_id(rank(options, passages), passages);
    for (int threads : {2, 3}) {
      options.threads = threads;
      options.full_depth = threads == 3;
      EXPECT_EQ(scores_by_id(rank(options, passages), passages), expected);
    }
  }
}

TEST(RerankerProperty, TopKOnlyCuts) {
  const std::vector<Passage> passages = random_passages(8, 5);
  RerankerOptions options;
  const Ranking all = rank(options, passages);
  ASSERT_EQ(all.passages.size(), 8u);
  for (size_t i = 1; i < 8; ++i) EXPECT_GE(all.passages[i - 1].score, all.passages[i].score);
  options.top_k = 3;
  const Ranking three = rank(options, passages);
  ASSERT_EQ(three.passages.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(three.passages[i].index, all.passages[i].index);
}

TEST(RerankerProperty, RankIsTheSumOfHeadScores) {
  const std::vector<Passage> passages = random_passages(6, 6);
  RerankerOptions options;
  options.heads = HeadSelection::parse("1-3,0-0,1-1").value();
  options.heads.weights = {1.0, -0.5, 2.0};
  options.calibration = Calibration::kRatio;
  Reranker reranker = Reranker::create(tiny_model(), options).value();
  const HeadScores scores = reranker.head_scores("the lamp of the tower?", passages).value();
  const Ranking ranking = reranker.rank("the lamp of the tower?", passages).value();
  for (const ScoredPassage& hit : ranking.passages) {
    double sum = 0.0;
    for (int64_t h = 0; h < 3; ++h) {
      sum += options.heads.weights[static_cast<size_t>(h)] *
             (std::log(scores.at(0, h, hit.index) + 1e-7) - std::log(scores.at(1, h, hit.index) + 1e-7));
    }
    EXPECT_DOUBLE_EQ(hit.score, sum);
  }
}

TEST(RerankerProperty, FusionWithAHeavyFirstStageKeepsItsOrder) {
  const std::vector<Passage> passages = random_passages(8, 7);
  RerankerOptions options;
  options.fusion = Fusion::kWeighted;
  options.fusion_weight = 1000.0;
  const Ranking ranking = rank(options, passages);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(ranking.passages[static_cast<size_t>(i)].index, i);
  std::vector<Passage> unscored = passages;
  unscored[3].first_stage_score.reset();
  auto refused = Reranker::create(tiny_model(), options).value().rank("q", unscored);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUsage);
}

TEST(RerankerProperty, OneCallersErrorsLeaveTheRerankerUsable) {
  Reranker reranker = Reranker::create(tiny_model(), {}).value();
  const std::vector<Passage> passages = random_passages(3, 8);
  EXPECT_EQ(reranker.rank("", passages).error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(reranker.rank("q", {}).error().code(), ErrorCode::kInvalidInput);
  EXPECT_TRUE(reranker.rank("q", passages));
}

class StopAfter final : public ProgressSink {
 public:
  explicit StopAfter(int calls) : left_(calls) {}
  void advance(std::string_view, int64_t, int64_t) override {}
  bool stop_requested() const override { return left_.fetch_sub(1) <= 0; }

 private:
  mutable std::atomic<int> left_;
};

TEST(RerankerProperty, StopsWhenAsked) {
  Reranker reranker = Reranker::create(tiny_model(), {}).value();
  const std::vector<Passage> passages = random_passages(3, 9);
  StopAfter stop(1);
  auto stopped = reranker.rank("q", passages, &stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(reranker.rank("q", passages)) << "the next call works";
}

TEST(RerankerOptionsCheck, ContradictionsAreNamed) {
  const auto refused = [](RerankerOptions options, const std::string& part) {
    auto made = Reranker::create(tiny_model(), std::move(options));
    ASSERT_FALSE(made) << part;
    EXPECT_NE(made.error().message().find(part), std::string::npos) << made.error().message();
  };
  RerankerOptions options;
  options.filter_after_sum = true;
  refused(options, "--filter-after-sum");
  options = {};
  options.encoding = Encoding::kList;
  options.block_span = 10;
  refused(options, "--block-span");
  options = {};
  options.prompt_template = "default";
  refused(options, "numbers its passages");
  options = {};
  options.heads = HeadSelection::parse("99-0").value();
  refused(options, "99-0");
  options = {};
  options.max_words = -1;
  refused(options, "--max-words");
}

int threads_of_process() {
  int threads = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++threads;
  return threads;
}

TEST(RerankerProperty, EightRerankersHaveTheThreadsOfOne) {
  const std::vector<Passage> passages = random_passages(5, 8);
  const int before = threads_of_process();
  std::vector<Reranker> rerankers;
  for (int i = 0; i < 8; ++i) {
    RerankerOptions options;
    options.threads = 2 + i % 2;
    rerankers.push_back(Reranker::create(tiny_model(), options).value());
  }
  for (Reranker& reranker : rerankers) EXPECT_TRUE(reranker.rank("the lamp of the tower?", passages));
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  EXPECT_LE(threads_of_process(), before + std::max(3, cores) - 1);
}

// Callers at once, each with a Reranker of its own: the same scores as one after the other.
TEST(RerankerProperty, RerankersAtOnce) {
  const std::vector<Passage> passages = random_passages(6, 9);
  const Ranking alone = rank({}, passages);
  std::vector<std::thread> callers;
  std::vector<std::map<std::string, double>> scores(4);
  for (size_t i = 0; i < scores.size(); ++i) {
    callers.emplace_back([&, i] {
      RerankerOptions options;
      options.threads = static_cast<int>(i) + 1;
      for (int round = 0; round < 3; ++round) scores[i] = scores_by_id(rank(options, passages), passages);
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& found : scores) EXPECT_EQ(found, scores_by_id(alone, passages));
}

}  // namespace
}  // namespace headwise
