// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Long, odd and empty passages, on a tiny seeded model: none fails the others, windows are ordinary
// candidates, and what fits is the same bits whatever is done with what does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "headwise/explanation.h"
#include "headwise/reranker.h"
#include "rerank/passage_parts.h"
#include "support/paths.h"

namespace headwise {
namespace {

std::shared_ptr<const Model> tower_model() {
  static const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
  return model;
}

constexpr std::string_view kTowerQuestion = "the lamp of the tower?";

Passage passage(std::string text, std::string title = {}) {
  return {.id = {}, .title = std::move(title), .text = std::move(text), .first_stage_score = 1.0};
}

// Sentences of five words.
std::string sentences(int count, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::vector<std::string> words{"tea", "leaf", "sea", "grain", "tower", "lamp"};
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "The";
    for (int word = 0; word < 4; ++word) text += " " + words[random() % words.size()];
    text += ". ";
  }
  return text;
}

RerankerOptions chunked() {
  RerankerOptions options;
  options.long_passages = LongPassages::kChunk;
  options.max_words = 12;
  return options;
}

Reranker reranker(RerankerOptions options) {
  return Reranker::create(tower_model(), std::move(options)).value();
}

Ranking rank(RerankerOptions options, const std::vector<Passage>& passages) {
  auto ranking = reranker(std::move(options)).rank(kTowerQuestion, passages);
  EXPECT_TRUE(ranking) << ranking.error().to_string();
  return ranking.value_or(Ranking{});
}

std::vector<ScoredPassage> by_place(Ranking ranking) {
  std::sort(ranking.passages.begin(), ranking.passages.end(),
            [](const ScoredPassage& a, const ScoredPassage& b) { return a.index < b.index; });
  return std::move(ranking.passages);
}

std::vector<double> scores_of(const Ranking& ranking) {
  std::vector<double> scores;
  for (const ScoredPassage& hit : by_place(ranking)) scores.push_back(hit.score);
  return scores;
}

// A choice of how passages are read, by its words.
struct Way {
  const char* name;
  Encoding encoding;
  Calibration calibration;
  bool filter_after_sum;
};
constexpr Way kWays[] = {{"blocks ratio", Encoding::kBlocks, Calibration::kRatio, false},
                         {"blocks na", Encoding::kBlocks, Calibration::kNa, false},
                         {"blocks na after sum", Encoding::kBlocks, Calibration::kNa, true},
                         {"list none", Encoding::kList, Calibration::kNone, false}};

RerankerOptions with(const Way& way, RerankerOptions options) {
  options.encoding = way.encoding;
  options.calibration = way.calibration;
  options.filter_after_sum = way.filter_after_sum;
  return options;
}

TEST(LongPassages, WhatFitsIsTheSameBitsCutOrChunked) {
  const std::vector<Passage> passages{passage(sentences(2, 1)), passage("short", "Title"), passage(" a  b ")};
  for (const Way& way : kWays) {
    RerankerOptions options = with(way, chunked());
    const Ranking windows = rank(options, passages);
    options.long_passages = LongPassages::kCut;
    EXPECT_EQ(scores_of(rank(options, passages)), scores_of(windows)) << way.name;
    EXPECT_EQ(windows.statistics.windows, 0);
    for (const ScoredPassage& hit : windows.passages) EXPECT_FALSE(hit.truncated || hit.window) << way.name;
  }
}

// The windows as passages of their own, and whose they are.
struct Windows {
  std::vector<Passage> passages;
  std::vector<int> owners;
};
Windows windows_of(const std::vector<Passage>& passages, const RerankerOptions& options) {
  const auto parts =
      divide_passages(passages,
                      {.long_passages = LongPassages::kChunk,
                       .most_words = options.max_words,
                       .most_tokens = options.max_tokens,
                       .most_windows = options.max_windows},
                      [](const std::string& text) -> Result<int64_t> {
                        return static_cast<int64_t>(tower_model()->tokenizer().encode(text)->size());
                      });
  Windows windows;
  for (const PartText& part : *parts) {
    windows.passages.push_back(passage(part.text));
    windows.owners.push_back(part.part.passage);
  }
  return windows;
}

TEST(LongPassages, HaveTheScoresThatTheirWindowsHaveAsPassages) {
  const std::vector<Passage> passages{passage(sentences(9, 2), "T"), passage("the lamp", "T"),
                                      passage(sentences(4, 3))};
  for (const Way& way : kWays) {
    SCOPED_TRACE(way.name);
    RerankerOptions options = with(way, chunked());
    const Windows windows = windows_of(passages, options);
    ASSERT_GT(windows.passages.size(), 5U);
    const Ranking ranking = rank(options, passages);
    options.long_passages = LongPassages::kCut;
    const std::vector<double> alone = scores_of(rank(options, windows.passages));
    std::vector<double> best(passages.size(), -INFINITY);
    for (size_t i = 0; i < alone.size(); ++i) {
      double& of = best[static_cast<size_t>(windows.owners[i])];
      of = std::max(of, alone[i]);
    }
    EXPECT_EQ(scores_of(ranking), best) << "to the last bit";
    EXPECT_EQ(ranking.statistics.windows, static_cast<int64_t>(windows.passages.size()) - 1);
    EXPECT_EQ(ranking.statistics.truncated_passages, 0);
    for (const ScoredPassage& hit : by_place(ranking)) {
      ASSERT_EQ(hit.window.has_value(), hit.index != 1);
      EXPECT_FALSE(hit.truncated);
      if (!hit.window) continue;
      const std::string part = passages[static_cast<size_t>(hit.index)].text.substr(
          hit.window->begin, hit.window->end - hit.window->begin);
      EXPECT_TRUE(part.starts_with("The ") && part.ends_with(".")) << part;
    }
  }
}

TEST(LongPassages, HeadScoresAndExplanationsAreTheBestWindows) {
  const std::vector<Passage> passages{passage(sentences(9, 2)), passage(""), passage("the lamp")};
  for (const Way& way : kWays) {
    SCOPED_TRACE(way.name);
    Reranker ranks = reranker(with(way, chunked()));
    const std::vector<ScoredPassage> hits = by_place(*ranks.rank(kTowerQuestion, passages));
    const auto explanation = ranks.explain(kTowerQuestion, passages, {.per_head = true});
    ASSERT_TRUE(explanation) << explanation.error().to_string();
    ASSERT_EQ(explanation->passages.size(), 3U);
    EXPECT_TRUE(explanation->passages.back().empty);
    for (const ExplainedPassage& explained : explanation->passages) {
      const ScoredPassage& hit = hits[static_cast<size_t>(explained.index)];
      EXPECT_EQ(explained.score, hit.score);
      EXPECT_EQ(explained.window.has_value(), hit.window.has_value());
      EXPECT_EQ(explained.head_shares.size(), explanation->heads.size());
      EXPECT_EQ(explained.heads.size(), explanation->heads.size());
      if (explained.empty) {
        EXPECT_TRUE(explained.tokens.empty());
        continue;
      }
      double sum = 0.0;
      for (const ExplainedToken& token : explained.tokens) sum += token.weight;
      EXPECT_NEAR(sum, hit.score, 1e-12 * std::abs(hit.score));
    }
    if (way.filter_after_sum || way.calibration == Calibration::kRatio) continue;
    const HeadScores scores = *ranks.head_scores(kTowerQuestion, passages);
    ASSERT_EQ(scores.passages, 3);
    EXPECT_EQ(scores.prompt_order.size(), 3U);
    double sum = 0.0;
    const int channel = way.calibration == Calibration::kNa ? 2 : 0;
    for (size_t head = 0; head < scores.heads.size(); ++head) {
      sum += static_cast<double>(scores.at(channel, static_cast<int64_t>(head), 0));
      EXPECT_EQ(scores.at(channel, static_cast<int64_t>(head), 1), 0.0F);
    }
    EXPECT_EQ(sum, hits[0].score);
  }
}

TEST(LongPassages, WindowsAreKeptLikePassages) {
  const std::vector<Passage> passages{passage(sentences(9, 2), "T"), passage(" "), passage("the lamp")};
  const Ranking plain = rank(chunked(), passages);
  for (const bool built : {false, true}) {
    RerankerOptions options = chunked();
    options.keep.memory = uint64_t{64} << 20;
    Reranker ranks = reranker(options);
    if (built) {
      const auto report = ranks.keep_passages(passages);
      ASSERT_TRUE(report) << report.error().to_string();
      EXPECT_EQ(report->encoded + report->kept_before, plain.statistics.windows + 1);
    } else {
      EXPECT_EQ(scores_of(*ranks.rank("another question", passages)).size(), 3U);
    }
    const Ranking kept = *ranks.rank(kTowerQuestion, passages);
    EXPECT_EQ(scores_of(kept), scores_of(plain)) << "to the last bit";
    EXPECT_EQ(kept.statistics.passages_kept, plain.statistics.windows + 1);
    EXPECT_LT(kept.statistics.tokens_run, plain.statistics.tokens_run);
  }
}

TEST(LongPassages, EqualOnesAreEqualInAnyOrderAndMixture) {
  std::vector<Passage> passages{passage(sentences(9, 4)), passage("the lamp"), passage(sentences(9, 4)),
                                passage(""), passage(sentences(5, 5))};
  const std::vector<double> expected = scores_of(rank(chunked(), passages));
  EXPECT_EQ(expected[0], expected[2]);
  std::vector<size_t> places{0, 1, 2, 3, 4};
  std::mt19937_64 random(6);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(places.begin(), places.end(), random);
    std::vector<Passage> shuffled;
    for (const size_t place : places) shuffled.push_back(passages[place]);
    const std::vector<double> scores = scores_of(rank(chunked(), shuffled));
    for (size_t i = 0; i < places.size(); ++i) EXPECT_EQ(scores[i], expected[places[i]]) << "to the last bit";
  }
}

TEST(EmptyPassages, AreLastAndChangeNoOther) {
  const std::vector<Passage> without{passage("the lamp"), passage("a tower of grain")};
  const std::vector<Passage> passages{passage(" \n"), without[0], passage("\u200B", "\u3000"), without[1]};
  for (const Way& way : kWays) {
    for (const Fusion fusion : {Fusion::kNone, Fusion::kWeighted, Fusion::kReciprocalRank}) {
      RerankerOptions options = with(way, {});
      options.fusion = fusion;
      const std::vector<double> expected = scores_of(rank(options, without));
      const Ranking ranking = rank(options, passages);
      const std::vector<double> scores = scores_of(ranking);
      EXPECT_EQ(scores[1], expected[0]) << way.name;
      EXPECT_EQ(scores[3], expected[1]) << way.name;
      ASSERT_EQ(ranking.passages.size(), 4U);
      EXPECT_TRUE(ranking.passages[2].empty && ranking.passages[3].empty);
      EXPECT_LT(ranking.passages[2].score, ranking.passages[1].score);
      EXPECT_TRUE(std::isfinite(ranking.passages[3].score));
      EXPECT_EQ(ranking.statistics.empty_passages, 2);
    }
  }
}

TEST(EmptyPassages, MayBeAllThereIs) {
  const std::vector<Passage> passages{passage(""), passage(" ")};
  Reranker ranks = reranker({});
  const auto ranking = ranks.rank(kTowerQuestion, passages);
  ASSERT_TRUE(ranking) << ranking.error().to_string();
  EXPECT_EQ(scores_of(*ranking), (std::vector<double>{0.0, 0.0}));
  const std::vector<RankRequest> requests{{"one", passages}, {"two", passages}};
  for (const auto& answer : ranks.rank_many(requests)) EXPECT_EQ(answer->passages.size(), 2U);
  EXPECT_EQ(ranks.explain(kTowerQuestion, passages, {})->passages.size(), 2U);
  EXPECT_EQ(ranks.head_scores(kTowerQuestion, passages)->passages, 2);
  EXPECT_FALSE(ranks.rank(" ", passages)) << "the query is looked at all the same";
}

TEST(LongPassages, SeveralQueriesOverThemAreWhatEachIs) {
  const std::vector<Passage> passages{passage(sentences(9, 2)), passage(""), passage("the lamp")};
  Reranker ranks = reranker(chunked());
  const std::vector<RankRequest> requests{{"one lamp", passages}, {kTowerQuestion, passages}};
  const auto answers = ranks.rank_many(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(scores_of(*answers[i]), scores_of(*ranks.rank(requests[i].query, passages)));
    EXPECT_EQ(answers[i]->statistics.empty_passages, 1);
  }
}

// Texts that no passage of prose is.
TEST(OddPassages, NoneFailsTheOthers) {
  const auto repeated = [](std::string_view unit, size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += unit;
    return text;
  };
  const std::vector<std::string> odd{repeated("x", 100'000),
                                     repeated("\u6708\u306F", 30'000),
                                     repeated("\u0E01\u0E32", 20'000),
                                     repeated("aGVhZHdpc2U=", 50'000),
                                     repeated("\u0301", 5'000),
                                     repeated("\u05E9\u05DC\u05D5\u05DD ", 9'000),
                                     repeated("\U0001F469\u200D\U0001F467", 9'000),
                                     std::string(3, '\0') + "a" + std::string(1, '\0'),
                                     repeated("a\u00A0b\u3000c\u200Bd ", 9'000),
                                     repeated("\n", 10'000) + "end",
                                     repeated("word ", 10 << 20)};
  for (const LongPassages kind : {LongPassages::kCut, LongPassages::kChunk}) {
    RerankerOptions options;
    options.long_passages = kind;
    options.max_windows = 3;
    for (const std::string& text : odd) {
      const Ranking ranking = rank(options, {passage("the lamp"), passage(text), passage("")});
      ASSERT_EQ(ranking.passages.size(), 3U) << text.substr(0, 12);
      for (const ScoredPassage& hit : ranking.passages) EXPECT_TRUE(std::isfinite(hit.score));
      const bool all_blank_but_the_end = kind == LongPassages::kChunk && text.ends_with("end");
      EXPECT_EQ(by_place(ranking)[1].truncated, text.size() > 100 && !all_blank_but_the_end)
          << text.substr(0, 12);
    }
  }
}

}  // namespace
}  // namespace headwise
