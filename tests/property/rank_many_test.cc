// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Several requests at once have the scores that each has alone, to the last bit, whether they share a pass or
// not; what fails, fails for itself.
#include <gtest/gtest.h>

#include "headwise/reranker.h"
#include "support/paths.h"

namespace headwise {
namespace {

std::vector<Passage> few_passages(const char* last) {
  std::vector<Passage> made;
  for (const char* text :
       {"The lamp of the northern tower was lit at nine.", "tea", "grain and grain", last}) {
    made.push_back({.id = {}, .title = {}, .text = text});
    made.back().first_stage_score = static_cast<double>(made.size());
  }
  return made;
}

void expect_equal(const Ranking& found, const Ranking& alone) {
  ASSERT_EQ(found.passages.size(), alone.passages.size());
  for (size_t i = 0; i < alone.passages.size(); ++i) {
    EXPECT_EQ(found.passages[i].index, alone.passages[i].index);
    EXPECT_EQ(found.passages[i].score, alone.passages[i].score);
  }
  EXPECT_EQ(found.heads, alone.heads);
  EXPECT_EQ(found.statistics.prompt_tokens, alone.statistics.prompt_tokens);
  EXPECT_EQ(found.statistics.passage_tokens, alone.statistics.passage_tokens);
}

std::vector<RerankerOptions> readings() {
  std::vector<RerankerOptions> all;
  for (const Calibration calibration : {Calibration::kNone, Calibration::kNa, Calibration::kRatio}) {
    for (const char* wording : {"", "blocks-short", "selective-qwen3"}) {
      RerankerOptions options;
      options.calibration = calibration;
      options.prompt_template = wording;
      if (std::string_view(wording) == "selective-qwen3") options.encoding = Encoding::kList;
      options.filter_after_sum = calibration == Calibration::kNa && options.encoding == Encoding::kList;
      all.push_back(options);
      if (options.encoding == Encoding::kBlocks) {
        options.keep.memory = uint64_t{8} << 20;
        options.fusion = Fusion::kWeighted;
        all.push_back(options);
      }
    }
  }
  all.push_back({});
  all.back().order = CandidateOrder::kShuffled;
  return all;
}

TEST(RankMany, EachHasTheBitsThatItHasAlone) {
  const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
  const std::vector<Passage> one = few_passages("a leaf of the sea");
  const std::vector<Passage> same = one;
  const std::vector<Passage> other = few_passages("who lit the lamp at the sea, and why at nine?");
  const std::vector<RankRequest> requests{{"the lamp?", one},
                                          {"grain", other},
                                          {"who, and when, and why at nine of all hours?", same},
                                          {"tea", one}};
  for (const RerankerOptions& options : readings()) {
    Reranker reranker = Reranker::create(model, options).value();
    RerankerOptions nothing = options;
    nothing.keep = {};
    Reranker plain = Reranker::create(model, nothing).value();
    const auto together = reranker.rank_many(requests);
    ASSERT_EQ(together.size(), requests.size());
    int64_t run = 0, whole = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      const Ranking alone = plain.rank(requests[i].query, requests[i].passages).value();
      ASSERT_TRUE(together[i]) << together[i].error().to_string();
      expect_equal(*together[i], alone);
      run += together[i]->statistics.tokens_run;
      whole += alone.statistics.tokens_run;
    }
    if (options.order != CandidateOrder::kShuffled) {
      EXPECT_LT(run, whole - 100) << "three of four share a pass";
    }
  }
}

TEST(RankMany, WhatIsWrongWithOneIsToldToThatOne) {
  const auto model = Model::load(test_data() / "golden" / "models" / "tiny-qwen3", {}).value();
  const std::vector<Passage> passages = few_passages("a leaf");
  Reranker reranker = Reranker::create(model, {}).value();
  const std::vector<RankRequest> requests{
      {"the lamp?", passages}, {" ", passages}, {"tea", {}}, {"tea", passages}};
  const auto found = reranker.rank_many(requests);
  EXPECT_EQ(found[1].error().code(), ErrorCode::kInvalidInput);
  EXPECT_EQ(found[2].error().code(), ErrorCode::kInvalidInput);
  for (const size_t good : {0, 3}) {
    ASSERT_TRUE(found[good]);
    expect_equal(*found[good], reranker.rank(requests[good].query, passages).value());
  }
  EXPECT_TRUE(reranker.rank_many({}).empty());
}

TEST(RankMany, MoreThanAPassTakes) {
  const auto model = Model::load(test_data() / "golden" / "models" / "tiny-llama", {}).value();
  const std::vector<Passage> passages = few_passages("a leaf");
  std::vector<std::string> queries;
  for (int i = 0; i < 35; ++i) queries.push_back("the lamp of tower " + std::to_string(i));
  const std::vector<RankRequest> requests = [&] {
    std::vector<RankRequest> made;
    for (const std::string& query : queries) made.push_back({query, passages});
    return made;
  }();
  Reranker reranker = Reranker::create(model, {}).value();
  const auto found = reranker.rank_many(requests);
  for (const size_t i : {0, 15, 16, 34}) expect_equal(*found[i], reranker.rank(queries[i], passages).value());
}

}  // namespace
}  // namespace headwise
