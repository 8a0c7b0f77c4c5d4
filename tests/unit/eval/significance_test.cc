// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Reference values: scipy 1.17.1 (stats.ttest_rel, permutation_test, t.sf, t.isf). tests/cli/test_eval.py
// compares whole runs with scipy itself.
#include "headwise/significance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace headwise {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using Values = std::vector<double>;

const Values kA{.1, .5, .3, .9, .2, .4, .6, .8};
const Values kB{.3, .5, .4, .7, .6, .5, .9, 1.0};

TEST(PairedTest, AgreesWithScipy) {
  const PairedTest test = paired_test(kA, kB, {});
  EXPECT_EQ(test.queries, 8u);
  EXPECT_NEAR(test.mean_difference, 0.1375, 1e-15);
  EXPECT_NEAR(*test.t, 2.1058383066660147, 1e-12);
  EXPECT_NEAR(*test.t_test_p, 0.07323710482435422, 1e-12);
  EXPECT_NEAR(*test.low, -0.01689734074776436, 1e-12);
  EXPECT_NEAR(*test.high, 0.2918973407477643, 1e-12);
  EXPECT_TRUE(test.exact);
  EXPECT_DOUBLE_EQ(test.randomisation_p, 0.109375);
  EXPECT_EQ(test.wins, 6u);
  EXPECT_EQ(test.ties, 1u);
  EXPECT_EQ(test.losses, 1u);
}

TEST(PairedTest, TheOtherWayRoundOnlyTheSignChanges) {
  const PairedTest there = paired_test(kA, kB, {}), back = paired_test(kB, kA, {});
  EXPECT_DOUBLE_EQ(there.mean_difference, -back.mean_difference);
  EXPECT_DOUBLE_EQ(*there.t_test_p, *back.t_test_p);
  EXPECT_DOUBLE_EQ(there.randomisation_p, back.randomisation_p);
  EXPECT_EQ(there.wins, back.losses);
}

TEST(PairedTest, SamplesComeNearTheExactValueAndRepeat) {
  const PairedTest exact = paired_test(kA, kB, {});
  PairedTestOptions few{.seed = 5, .samples = 100};
  EXPECT_FALSE(paired_test(kA, kB, few).exact);
  // 42 differences have more sign flips than samples.
  Values a, b;
  for (int i = 0; i < 6; ++i) {
    a.insert(a.end(), kA.begin(), kA.end());
    b.insert(b.end(), kB.begin(), kB.end());
  }
  const PairedTest first = paired_test(a, b, {.seed = 5}), again = paired_test(a, b, {.seed = 5});
  EXPECT_FALSE(first.exact);
  EXPECT_EQ(first.randomisation_p, again.randomisation_p);
  EXPECT_GT(first.randomisation_p, 0.0);
  EXPECT_LT(first.randomisation_p, 1e-3);
  double sum = 0.0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    sum += paired_test(kA, kB, {.seed = seed, .samples = 100}).randomisation_p;
  }
  EXPECT_NEAR(sum / 100.0, exact.randomisation_p, 0.02);
}

TEST(PairedTest, EdgeCases) {
  const PairedTest equal = paired_test(kA, kA, {});
  EXPECT_EQ(equal.t_test_p, 1.0);
  EXPECT_EQ(equal.randomisation_p, 1.0);
  EXPECT_FALSE(equal.t);
  EXPECT_EQ(*equal.low, 0.0);
  const PairedTest one = paired_test(Values{.1}, Values{.2}, {});
  EXPECT_FALSE(one.t_test_p);
  EXPECT_FALSE(one.low);
  EXPECT_EQ(one.randomisation_p, 1.0);
  const PairedTest none = paired_test(Values{}, Values{}, {});
  EXPECT_EQ(none.queries, 0u);
  EXPECT_EQ(none.randomisation_p, 1.0);
  const PairedTest constant = paired_test(Values{.25, .5, .75}, Values{.5, .75, 1.0}, {});
  EXPECT_EQ(constant.t_test_p, 0.0);
  EXPECT_DOUBLE_EQ(constant.randomisation_p, 0.25);
}

TEST(Student, AgreesWithScipy) {
  EXPECT_NEAR(student_two_sided(1, 1), 0.5, 1e-14);
  EXPECT_NEAR(student_two_sided(-2.5, 7), 0.04099221858575289, 1e-14);
  EXPECT_NEAR(student_two_sided(0.1, 300), 0.9204111176444636, 1e-12);
  EXPECT_NEAR(student_two_sided(12, 42) / 3.706245241150908e-15, 1.0, 1e-10);
  EXPECT_NEAR(student_two_sided(40, 10) / 2.2808577430857535e-12, 1.0, 1e-10);
  EXPECT_NEAR(student_two_sided(3, 2.5), 0.07257609554903183, 1e-13);
  EXPECT_EQ(student_two_sided(0, 5), 1.0);
  EXPECT_NEAR(student_quantile(0.025, 1), 12.706204736174705, 1e-9);
  EXPECT_NEAR(student_quantile(0.025, 42), 2.018081702818445, 1e-11);
  EXPECT_NEAR(student_quantile(0.005, 7), 3.4994832973504932, 1e-11);
  EXPECT_NEAR(student_quantile(0.025, 299), 1.9679296690656698, 1e-11);
  EXPECT_NEAR(student_quantile(0.2, 3), 0.9784723123633038, 1e-11);
}

TEST(Holm, StepsDown) {
  EXPECT_THAT(holm(Values{0.01, 0.04, 0.03, 0.005}),
              ElementsAre(DoubleNear(0.03, 1e-15), DoubleNear(0.06, 1e-15), DoubleNear(0.06, 1e-15),
                          DoubleNear(0.02, 1e-15)));
  EXPECT_THAT(holm(Values{0.6, 0.9}), ElementsAre(1.0, 1.0));
  EXPECT_THAT(holm(Values{0.2}), ElementsAre(0.2));
  EXPECT_TRUE(holm(Values{}).empty());
}

}  // namespace
}  // namespace headwise
