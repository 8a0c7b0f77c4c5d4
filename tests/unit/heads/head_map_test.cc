// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/head_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heads/head_overlap.h"

namespace headwise {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(HeadMap, RankCorrelationByHand) {
  const std::vector<double> a{1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(*spearman(a, std::vector<double>{10, 20, 40, 80}), 1.0);
  EXPECT_DOUBLE_EQ(*spearman(a, std::vector<double>{4, 3, 2, 1}), -1.0);
  // Ranks 0 1.5 1.5 3 against 0 1 2 3: 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(*spearman(std::vector<double>{1, 2, 2, 3}, a), 4.5 / std::sqrt(22.5), 1e-15);
  EXPECT_FALSE(spearman(a, std::vector<double>{7, 7, 7, 7}));
  EXPECT_FALSE(spearman({}, {}));
}

TEST(HeadMap, TheWindowStaysInsideTheModel) {
  const auto window = [](std::vector<double> by_layer, int width) {
    const LayerWindow found = window_around_peak(by_layer, width);
    return std::vector<int>{found.peak, found.first, found.last};
  };
  EXPECT_THAT(window({0, 0, 0, 9, 0, 0, 0, 0}, 4), ElementsAre(3, 2, 5));
  EXPECT_THAT(window({9, 0, 0, 0, 0, 0}, 4), ElementsAre(0, 0, 3));
  EXPECT_THAT(window({0, 0, 0, 0, 0, 9}, 4), ElementsAre(5, 2, 5));
  EXPECT_THAT(window({0, 9}, 4), ElementsAre(1, 0, 1));
  EXPECT_THAT(window({5, 5}, 1), ElementsAre(0, 0, 0));
}

TEST(HeadMap, BestOfTakesTheLowerPlaceAmongEqualValues) {
  const std::vector<double> values{1, 3, 2, 3};
  EXPECT_THAT(best_of(values, 3), ElementsAre(1, 3, 2));
  EXPECT_THAT(best_of(values, 9), ElementsAre(1, 3, 2, 0));
  EXPECT_THAT(best_of(values, 0), ElementsAre());
}

NamedHeadSet named(const char* name, std::vector<HeadId> heads) {
  NamedHeadSet item{name, {}};
  item.set.heads = std::move(heads);
  return item;
}

TEST(HeadOverlap, CountsAndShares) {
  const std::vector<NamedHeadSet> sets{named("a", {{1, 0}, {2, 0}}), named("b", {{2, 0}, {3, 0}, {1, 0}}),
                                       named("c", {{2, 0}})};
  const HeadOverlap overlap = head_overlap(sets);
  EXPECT_THAT(overlap.shared, ElementsAre(2, 2, 1, 2, 3, 1, 1, 1, 1));
  EXPECT_DOUBLE_EQ(overlap.jaccard_of(0, 1), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(overlap.jaccard_of(2, 0), 0.5);
  ASSERT_EQ(overlap.heads.size(), 2u);
  EXPECT_EQ(overlap.heads[0].head, (HeadId{2, 0}));
  EXPECT_THAT(overlap.heads[0].sets, ElementsAre(0u, 1u, 2u));
  EXPECT_THAT(overlap.heads[1].sets, ElementsAre(0u, 1u));
  EXPECT_TRUE(head_overlap({}).heads.empty());
}

TEST(HeadOverlap, ModelsThatCannotBeTheSame) {
  std::vector<NamedHeadSet> sets{named("a", {{0, 0}}), named("b", {{0, 0}}), named("c", {{0, 0}})};
  sets[0].set.target = {"One", 2, 2};
  sets[1].set.target = {"One again", 2, 2};
  EXPECT_TRUE(check_same_model(sets));
  sets[2].set.target = {"Other", 3, 2};
  const auto refused = check_same_model(sets);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("'a' is for One (2 layers x 2 heads)"));
  EXPECT_THAT(refused.error().message(), HasSubstr("'c' is for Other (3 layers x 2 heads)"));
  sets = {named("a", {{0, 0}}), named("b", {{0, 0}})};
  sets[0].set.model = "x";
  EXPECT_TRUE(check_same_model(sets));
  sets[1].set.model = "y";
  EXPECT_FALSE(check_same_model(sets));
}

}  // namespace
}  // namespace headwise
