// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "rerank/fusion.h"

#include <gtest/gtest.h>

#include <cmath>

namespace headwise {
namespace {

TEST(Fusion, ZScoresByHand) {
  const std::vector<double> values{1.0, 2.0, 3.0, 6.0};  // mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5
  const std::vector<double> z = z_scores(values);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(z[i], (values[i] - 3.0) / std::sqrt(3.5), 1e-15);
  EXPECT_EQ(z_scores(std::vector<double>{2.0, 2.0}), (std::vector<double>{0.0, 0.0}))
      << "no deviation, no opinion";
  EXPECT_EQ(z_scores(std::vector<double>{7.0}), (std::vector<double>{0.0}));
}

TEST(Fusion, WeightZeroIsOurOrderAndLargeWeightTheirs) {
  const std::vector<double> ours{3.0, 2.0, 1.0};
  const std::vector<double> theirs{1.0, 2.0, 3.0};
  EXPECT_EQ(descending_order(fuse_weighted(ours, theirs, 0.0)), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(descending_order(fuse_weighted(ours, theirs, 100.0)), (std::vector<int>{2, 1, 0}));
}

TEST(Fusion, ReciprocalRanksByHand) {
  const auto fused =
      fuse_reciprocal_ranks(std::vector<double>{9.0, 5.0, 7.0}, std::vector<double>{1.0, 3.0, 2.0});
  EXPECT_NEAR(fused[0], 1.0 / 61 + 1.0 / 63, 1e-15);
  EXPECT_NEAR(fused[1], 1.0 / 63 + 1.0 / 61, 1e-15);
  EXPECT_NEAR(fused[2], 1.0 / 62 + 1.0 / 62, 1e-15);
}

TEST(Fusion, TiesGoToTheEarlierPlace) {
  EXPECT_EQ(descending_order(std::vector<double>{1.0, 2.0, 2.0, 1.0}), (std::vector<int>{1, 2, 0, 3}));
}

}  // namespace
}  // namespace headwise
