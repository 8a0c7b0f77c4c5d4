// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Splitting a head's value over tokens, on numbers small enough to work out by hand.
#include "rerank/attribution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace headwise {
namespace {

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// One head over one passage, with the channels that the collector would have made.
struct Reading {
  std::vector<double> query, content_free, calibrated;
  HeadReading reading;

  Reading(std::vector<double> a, std::vector<double> b, TokenFilter filter = TokenFilter::kNone)
      : query(std::move(a)), content_free(std::move(b)) {
    for (size_t j = 0; j < content_free.size(); ++j) calibrated.push_back(query[j] - content_free[j]);
    reading.query = query;
    reading.content_free = content_free;
    reading.calibrated = calibrated;
    reading.keep_above = keep_above(calibrated, filter);
    reading.channels = {static_cast<float>(sum_of(query)), static_cast<float>(sum_of(content_free)),
                        static_cast<float>(kept_sum(calibrated, reading.keep_above))};
  }
};

TEST(LogarithmicMean, KnownValues) {
  EXPECT_EQ(logarithmic_mean(0.25, 0.25), 0.25);
  EXPECT_DOUBLE_EQ(logarithmic_mean(std::exp(1.0), 1.0), std::exp(1.0) - 1.0);
  EXPECT_DOUBLE_EQ(logarithmic_mean(1.0, std::exp(1.0)), std::exp(1.0) - 1.0);
  // Two numbers a rounding apart: between them, not 0/0.
  const double next = std::nextafter(0.3, 1.0);
  EXPECT_NEAR(logarithmic_mean(next, 0.3), 0.3, 1e-16);
  // Larger than the geometric mean, smaller than the arithmetic one.
  EXPECT_GT(logarithmic_mean(1e-7, 0.5), std::sqrt(1e-7 * 0.5));
  EXPECT_LT(logarithmic_mean(1e-7, 0.5), 0.5 * (1e-7 + 0.5));
}

TEST(TokenParts, RatioAddsUpToTheLogRatio) {
  const Reading example({0.02, 0.11, 0.0004}, {0.03, 0.01, 0.0004});
  const std::vector<double> parts = token_parts(example.reading, Calibration::kRatio);
  const double value = std::log(0.1304 + 1e-7) - std::log(0.0404 + 1e-7);
  EXPECT_NEAR(sum_of(parts), value, 1e-7);  // the channels are floats
  EXPECT_NEAR(sum_of(parts), head_value(example.reading.channels, Calibration::kRatio), 1e-14);
  // In proportion to a - b: 0.02 - 0.03, 0.11 - 0.01, nothing.
  EXPECT_LT(parts[0], 0.0);
  EXPECT_NEAR(parts[1] / parts[0], -10.0, 1e-4);
  EXPECT_NEAR(parts[2], 0.0, 1e-9);
}

TEST(TokenParts, RatioOfEqualSumsGivesWhatMovedBetweenTokens) {
  const Reading moved({0.25, 0.5}, {0.5, 0.25});
  const std::vector<double> parts = token_parts(moved.reading, Calibration::kRatio);
  EXPECT_DOUBLE_EQ(parts[0], -0.25 / (0.75 + 1e-7));
  EXPECT_EQ(parts[0], -parts[1]);
  EXPECT_EQ(head_value(moved.reading.channels, Calibration::kRatio), 0.0);
}

TEST(TokenParts, AttentionThatIsZeroIsNoDivisionByZero) {
  const Reading nothing({0.0, 0.0}, {0.0, 0.0});
  for (const double part : token_parts(nothing.reading, Calibration::kRatio)) EXPECT_EQ(part, 0.0);
  for (const double part : token_parts(nothing.reading, Calibration::kNone)) EXPECT_EQ(part, 0.0);
  const Reading lost({0.0, 0.0}, {0.1, 0.3});
  const std::vector<double> parts = token_parts(lost.reading, Calibration::kRatio);
  EXPECT_NEAR(sum_of(parts), head_value(lost.reading.channels, Calibration::kRatio), 1e-13);
  EXPECT_NEAR(parts[1] / parts[0], 3.0, 1e-12);
}

TEST(TokenParts, DroppedTokensWeighNothing) {
  std::vector<double> query(11, 0.02);
  std::vector<double> empty(11, 0.01);
  empty.back() = 0.12;  // c: ten .01 and a -.1, far below the others
  const Reading example(query, empty, TokenFilter::kLow);
  const std::vector<double> parts = token_parts(example.reading, Calibration::kNa);
  EXPECT_EQ(parts.back(), 0.0);
  EXPECT_NEAR(parts.front(), 0.01, 1e-9);
  EXPECT_DOUBLE_EQ(sum_of(parts), example.reading.channels.filtered);
}

TEST(TokenParts, RoundingToFloatIsSpreadInProportion) {
  const Reading example({0.1, 0.3}, {});
  const std::vector<double> parts = token_parts(example.reading, Calibration::kNone);
  EXPECT_DOUBLE_EQ(parts[1] / parts[0], 3.0);
  EXPECT_DOUBLE_EQ(sum_of(parts), static_cast<double>(0.4f));
}

TEST(Settle, TheSumInOrderIsTheTotal) {
  std::vector<double> parts{0.1, 0.0, 0.7, -0.3, 1e-9};
  settle(parts, 0.5);
  EXPECT_EQ(sum_of(parts), 0.5);
  EXPECT_EQ(parts[1], 0.0) << "a dropped token stays dropped";
  EXPECT_NEAR(parts[2], 0.7, 1e-8);
  EXPECT_EQ(parts[3], -0.3);
  std::vector<double> none{0.0, 0.0};
  settle(none, 0.0);
  EXPECT_EQ(none, (std::vector<double>{0.0, 0.0}));
}

}  // namespace
}  // namespace headwise
