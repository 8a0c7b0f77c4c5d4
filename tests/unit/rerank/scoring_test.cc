// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Calibration, token filter and sums, on numbers small enough to work out by hand.
#include "rerank/scoring.h"

#include <gtest/gtest.h>

#include <cmath>

namespace headwise {
namespace {

TEST(Scoring, FilterDropsWhatLiesFarBelow) {
  // Ten ones and a -10: mean 0, std sqrt((10 + 100) / 10) = 3.317; the threshold is -6.63.
  std::vector<double> calibrated(10, 1.0);
  calibrated.push_back(-10.0);
  EXPECT_DOUBLE_EQ(filtered_sum(calibrated, TokenFilter::kLow), 10.0);
  EXPECT_DOUBLE_EQ(filtered_sum(calibrated, TokenFilter::kNone), 0.0);
  // High values are never dropped.
  calibrated.back() = 10.0;
  EXPECT_DOUBLE_EQ(filtered_sum(calibrated, TokenFilter::kLow), 20.0);
}

TEST(Scoring, ShortPassagesAreKeptWhole) {
  EXPECT_DOUBLE_EQ(filtered_sum(std::vector<double>{-0.5}, TokenFilter::kLow), -0.5);
  EXPECT_DOUBLE_EQ(filtered_sum(std::vector<double>{}, TokenFilter::kLow), 0.0);
  EXPECT_DOUBLE_EQ(filtered_sum(std::vector<double>{1.0, -1.0}, TokenFilter::kLow), 0.0);
}

// Two passages: tokens 1 and 2 of segment 1, token 0 of segment 2, with keys 10, 11 and 64; one head; 3
// shared rows, 1 query row, 2 content-free rows.
struct Example {
  BuiltPrompt prompt;
  std::vector<float> sums;
  LayerAttention attention;
  std::vector<int> heads{5};
  std::vector<LayerKeys> segments{{120, 1, {}}, {9, 3, {}}, {64, 1, {}}};

  Example() : sums(3 * 128, 0.0f) {
    prompt.spans = {{1, 1, 2}, {2, 0, 1}};
    prompt.shared_rows = {10, 3};
    prompt.query_rows = {{13, 1}};
    prompt.content_free_rows = {14, 2};
    const auto set = [&](int64_t group, int64_t slot, float value) {
      sums[static_cast<size_t>(group * 128 + slot)] = value;
    };
    set(kSharedRows, 10, 0.3f);
    set(kSharedRows, 11, 0.6f);
    set(kSharedRows, 64, 0.1f);
    set(kQueryRows, 10, 0.5f);
    set(kQueryRows, 64, 0.3f);
    set(kContentFreeRows, 11, 0.4f);
    set(kContentFreeRows, 64, 0.9f);
    attention.layer = 7;
    attention.heads = heads;
    attention.groups = 3;
    attention.key_count = 128;
    attention.sums = sums.data();
    attention.segments = segments;
  }
};

TEST(Scoring, ChannelsByHand) {
  const Example example;
  const std::vector<HeadId> heads{{7, 5}};
  ScoreCollector collector(example.prompt, heads, TokenFilter::kNone);
  collector.keep_token_sums({2.0});
  collector.add(example.attention);
  // Query: (shared + own) / 4 rows; content-free: (shared + own) / 5 rows.
  const double query[] = {(0.3 + 0.5 + 0.6) / 4, (0.1 + 0.3) / 4};
  const double empty[] = {(0.3 + 0.6 + 0.4) / 5, (0.1 + 0.9) / 5};
  const std::vector<double> after_sum = collector.scores_filtered_after_sum();
  HeadScores scores;
  scores.heads = heads;
  scores.passages = 2;
  scores.values = collector.take_values();
  for (int64_t d = 0; d < 2; ++d) {
    EXPECT_NEAR(scores.at(0, 0, d), query[d], 1e-7);
    EXPECT_NEAR(scores.at(1, 0, d), empty[d], 1e-7);
    EXPECT_NEAR(scores.at(2, 0, d), query[d] - empty[d], 1e-7);
    EXPECT_NEAR(after_sum[static_cast<size_t>(d)], 2.0 * (query[d] - empty[d]), 1e-7);
  }
  const double weights[] = {0.5};
  EXPECT_NEAR(combine_heads(scores, Calibration::kNone, {})[0], query[0], 1e-7);
  EXPECT_NEAR(combine_heads(scores, Calibration::kNa, weights)[1], 0.5 * (query[1] - empty[1]), 1e-7);
  EXPECT_NEAR(combine_heads(scores, Calibration::kRatio, {})[1],
              std::log((query[1] + 1e-7) / (empty[1] + 1e-7)), 1e-6);
}

// Segment 1 keeps its tokens 0, 2 and 5 in this layer; the span is tokens 1 to 5.
TEST(Scoring, ALayerMayHaveFewerTokens) {
  Example example;
  const std::vector<int32_t> tokens{0, 2, 5};
  example.segments[1] = {10, 3, tokens};
  example.prompt.spans[0] = {1, 1, 5};
  const SpanKeys keys = example.attention.keys_of(example.prompt.spans[0]);
  EXPECT_EQ(keys.first, 11);
  ASSERT_EQ(keys.count, 2);
  EXPECT_EQ(keys.token(0), 1);
  EXPECT_EQ(keys.token(1), 4);
  ScoreCollector collector(example.prompt, std::vector<HeadId>{{7, 5}}, TokenFilter::kNone);
  collector.keep_token_sums({2.0});
  collector.add(example.attention);
  const std::vector<double>& sums = collector.token_sums()[0].sums;
  ASSERT_EQ(sums.size(), 5u);
  // Key 11: (0.6 + 0) / 4 - (0.6 + 0.4) / 5; key 12 has no attention.
  EXPECT_NEAR(sums[1], 2.0 * (0.6 / 4 - 1.0 / 5), 1e-7);
  EXPECT_EQ(sums[0] + sums[2] + sums[3] + sums[4], 0.0);
  EXPECT_NEAR(collector.take_values()[0], 0.6 / 4, 1e-7);
}

// Of ten tokens two have keys, whose values are far apart: with the eight others' zeros the low one would be
// dropped, among its like it is not.
TEST(Scoring, TheFilterAfterSumWorksOnTokensWithKeys) {
  TokenSums sums(10);
  sums.sums[2] = -10.0;
  sums.sums[7] = 0.5;
  EXPECT_DOUBLE_EQ(filtered_sum(sums.sums, TokenFilter::kLow), 0.5);
  EXPECT_DOUBLE_EQ(sums.filtered_sum(TokenFilter::kLow), 0.0);
  sums.seen[2] = sums.seen[7] = true;
  EXPECT_DOUBLE_EQ(sums.filtered_sum(TokenFilter::kLow), -9.5);
}

TEST(Scoring, NothingSeenByEitherIsNeutral) { EXPECT_EQ(log_ratio(0.0, 0.0), 0.0); }

}  // namespace
}  // namespace headwise
