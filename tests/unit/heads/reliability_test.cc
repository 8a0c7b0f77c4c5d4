// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Reliability curves: bins counted by hand.
#include "heads/reliability.h"

#include <gtest/gtest.h>

namespace headwise {
namespace {

TEST(Reliability, BinsAreCounted) {
  const std::vector<Forecast> told{{0.05, false}, {0.0, false}, {0.15, true}, {0.95, true}, {1.0, false}};
  const Reliability found = reliability(told);
  ASSERT_EQ(found.bins.size(), 10U);
  EXPECT_EQ(found.count, 5);
  EXPECT_DOUBLE_EQ(found.base_rate, 0.4);
  EXPECT_EQ(found.bins[0].count, 2);
  EXPECT_DOUBLE_EQ(found.bins[0].forecast, 0.025);
  EXPECT_EQ(found.bins[1].count, 1);
  EXPECT_EQ(found.bins[9].count, 2);
  EXPECT_DOUBLE_EQ(found.bins[9].forecast, 0.975);
  EXPECT_DOUBLE_EQ(found.bins[9].observed, 0.5);
  EXPECT_DOUBLE_EQ(found.error, (2 * 0.025 + 1 * 0.85 + 2 * 0.475) / 5);
  EXPECT_DOUBLE_EQ(found.brier, (0.05 * 0.05 + 0.85 * 0.85 + 0.05 * 0.05 + 1.0) / 5);
}

TEST(Reliability, TellsWhatCameTrueFromTheRest) {
  // Of six pairs: .9 above both, .5 above one and level with the other, .2 below one and above the other.
  const std::vector<Forecast> told{{0.9, true}, {0.5, true}, {0.2, true}, {0.5, false}, {0.1, false}};
  ASSERT_TRUE(reliability(told).auc);
  EXPECT_DOUBLE_EQ(*reliability(told).auc, (2.0 + 1.5 + 1.0) / 6.0);
  EXPECT_DOUBLE_EQ(*reliability(std::vector<Forecast>{{0.3, true}, {0.3, false}}).auc, 0.5);
  EXPECT_FALSE(reliability(std::vector<Forecast>{{0.3, true}, {0.4, true}}).auc);
  EXPECT_FALSE(reliability(std::vector<Forecast>{{0.3, false}}).auc);
}

TEST(Reliability, OddLists) {
  EXPECT_EQ(reliability({}).count, 0);
  EXPECT_EQ(reliability({}).error, 0.0);
  const std::vector<Forecast> sure{{1.0, true}, {0.0, false}};
  EXPECT_EQ(reliability(sure).error, 0.0);
  EXPECT_EQ(reliability(sure, 1).error, 0.0);
  EXPECT_EQ(reliability(std::vector<Forecast>{{1.0, false}}).error, 1.0);
}

}  // namespace
}  // namespace headwise
