// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Kinds of scores and instructions of a request, through a Reranker: raw scores keep their bits, every kind
// has one order, and what is kept of passages serves any instruction.
#include <gtest/gtest.h>

#include <cmath>

#include "headwise/explanation.h"
#include "headwise/reranker.h"
#include "support/paths.h"

namespace headwise {
namespace {

constexpr const char* kOwn = "Find passages that name a place.";

std::vector<Passage> passages_of_tea() {
  std::vector<Passage> made;
  for (const char* text : {"The lamp of the northern tower was lit at nine.", "tea", "grain and grain",
                           "a leaf of the sea", "who lit the lamp?"}) {
    made.push_back({.id = {}, .title = {}, .text = text});
  }
  return made;
}

std::shared_ptr<const Model> tiny() {
  return Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
}

std::vector<std::pair<int, double>> places_and_scores(const Ranking& ranking) {
  std::vector<std::pair<int, double>> hits;
  for (const ScoredPassage& hit : ranking.passages) hits.emplace_back(hit.index, hit.score);
  return hits;
}

TEST(ScoreKinds, OfARequestOrOfTheOptionsAreTheSame) {
  const auto model = tiny();
  const std::vector<Passage> passages = passages_of_tea();
  Reranker plain = Reranker::create(model, {}).value();
  const auto raw = places_and_scores(plain.rank("the lamp?", passages).value());
  for (const ScoreKind kind : {ScoreKind::kRaw, ScoreKind::kSoftmax, ScoreKind::kMinmax}) {
    RerankerOptions options;
    options.score = kind;
    Reranker made = Reranker::create(model, options).value();
    RankRequest request{.query = "the lamp?", .passages = passages};
    request.score = kind;
    const auto hits = places_and_scores(plain.rank(request).value());
    EXPECT_EQ(hits, places_and_scores(made.rank("the lamp?", passages).value()));
    EXPECT_EQ(hits, places_and_scores(
                        made.rank_many(std::vector<RankRequest>{request, {"tea", passages}})[0].value()));
    double sum = 0.0;
    for (size_t i = 0; i < raw.size(); ++i) {
      EXPECT_EQ(hits[i].first, raw[i].first);
      if (kind == ScoreKind::kRaw) {
        EXPECT_EQ(hits[i].second, raw[i].second);
      }
      sum += hits[i].second;
    }
    if (kind == ScoreKind::kSoftmax) {
      EXPECT_NEAR(sum, 1.0, 1e-12);
    }
    // Explanations add up to the model's own scores, whatever kind is asked for.
    const Explanation explanation = made.explain("the lamp?", passages, {}).value();
    for (size_t i = 0; i < raw.size(); ++i) EXPECT_EQ(explanation.passages[i].score, raw[i].second);
    // Afterwards the next request is as before.
    EXPECT_EQ(places_and_scores(plain.rank("the lamp?", passages).value()), raw);
  }
}

TEST(ScoreKinds, SoftmaxAndMinmaxAreOverAllPassagesNotThoseReturned) {
  const auto model = tiny();
  const std::vector<Passage> passages = passages_of_tea();
  Reranker whole = Reranker::create(model, {}).value();
  RankRequest request{.query = "the lamp?", .passages = passages};
  request.score = ScoreKind::kSoftmax;
  const auto all = places_and_scores(whole.rank(request).value());
  RerankerOptions options;
  options.top_k = 2;
  Reranker cut = Reranker::create(model, options).value();
  EXPECT_EQ(places_and_scores(cut.rank(request).value()),
            (std::vector<std::pair<int, double>>{all[0], all[1]}));
}

TEST(ScoreKinds, WhatCannotBeIsRefused) {
  const auto model = tiny();
  const std::vector<Passage> passages = passages_of_tea();
  Reranker reranker = Reranker::create(model, {}).value();
  RankRequest request{.query = "the lamp?", .passages = passages};
  request.score = ScoreKind::kRelevance;  // nobody fitted it for all heads of a tiny model
  EXPECT_EQ(reranker.rank(request).error().code(), ErrorCode::kUsage);
  RerankerOptions options;
  options.min_score = std::nan("");
  EXPECT_EQ(Reranker::create(model, options).error().code(), ErrorCode::kUsage);
  options.min_score.reset();
  request.score.reset();
  request.instruction = "\xff";
  EXPECT_EQ(reranker.rank(request).error().code(), ErrorCode::kInvalidInput);
  request.instruction = {};
  EXPECT_TRUE(reranker.rank(request));
}

class InstructionIn : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Template, InstructionIn, ::testing::Values("blocks", "blocks-short"),
                         [](const auto& row) { return row.index == 0 ? "blocks" : "blocks_short"; });

TEST_P(InstructionIn, ChangesScoresAndNothingThatIsKept) {
  const auto model = tiny();
  const std::vector<Passage> passages = passages_of_tea();
  RerankerOptions options;
  options.prompt_template = GetParam();
  Reranker plain = Reranker::create(model, options).value();
  options.keep.memory = uint64_t{8} << 20;
  Reranker keeps = Reranker::create(model, options).value();
  options.keep = {};
  options.instruction = kOwn;
  Reranker asks = Reranker::create(model, options).value();
  RankRequest request{.query = "the lamp?", .passages = passages};
  const auto usual = places_and_scores(keeps.rank(request).value());
  request.instruction = kOwn;
  const Ranking again = keeps.rank(request).value();
  EXPECT_EQ(again.statistics.passages_kept, static_cast<int64_t>(passages.size()));
  EXPECT_EQ(places_and_scores(again), places_and_scores(plain.rank(request).value()));
  EXPECT_EQ(places_and_scores(again), places_and_scores(asks.rank("the lamp?", passages).value()));
  EXPECT_NE(places_and_scores(again), usual);
  const Explanation explained = plain.explain("the lamp?", passages, {.instruction = kOwn}).value();
  EXPECT_EQ(explained.passages[0].score, again.passages[0].score);
  request.instruction = {};
  EXPECT_EQ(places_and_scores(keeps.rank(request).value()), usual);
}

TEST(Instruction, RequestsWithDifferentOnesShareNoPass) {
  const std::vector<Passage> passages = passages_of_tea();
  Reranker reranker = Reranker::create(tiny(), {}).value();
  const std::vector<RankRequest> requests{{"the lamp?", passages, kOwn},
                                          {"tea", passages},
                                          {"grain", passages, kOwn},
                                          {"the sea", passages, "Find poems."}};
  const auto together = reranker.rank_many(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(places_and_scores(together[i].value()), places_and_scores(reranker.rank(requests[i]).value()));
  }
}

}  // namespace
}  // namespace headwise
