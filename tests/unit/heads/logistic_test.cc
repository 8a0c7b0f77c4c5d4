// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Logistic regression against scipy's minimum of the same function (L-BFGS-B with bounds, scipy 1.17), and
// what must hold at any minimum.
#include "heads/logistic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace headwise {
namespace {

// `sign` turns the second feature around, so that its weight would be negative.
std::vector<LogisticSample> ten_samples(double sign) {
  const double rows[10][5] = {{0.5, 10, 1, 1, 1},  {1.5, 12, 0, 1, 0.5},  {-0.3, 9, 2, 0, 1},
                              {2.2, 15, 1, 1, 1},  {0.1, 11, 0, 0, 0.25}, {-1.2, 8, 1, 0, 1},
                              {0.9, 14, 3, 1, 2},  {1.1, 7, 2, 0, 1},     {-0.7, 13, 0, 0, 1},
                              {0.4, 10, 1, 1, 0.5}};
  std::vector<LogisticSample> samples;
  for (const auto& row : rows) samples.push_back({{row[0], sign * row[1], row[2]}, row[3] > 0.5, row[4]});
  return samples;
}

void expect_fit(const LogisticFit& fit, double bias, const std::vector<double>& weights) {
  EXPECT_NEAR(fit.bias, bias, 2e-5);
  for (size_t k = 0; k < weights.size(); ++k) EXPECT_NEAR(fit.weights[k], weights[k], 2e-6) << k;
}

TEST(Logistic, IsTheMinimumThatScipyFinds) {
  expect_fit(fit_logistic(ten_samples(1), {false, false, false}, 1.0), -3.7401240,
             {0.9119185, 0.2950020, 0.1969769});
  expect_fit(fit_logistic(ten_samples(1), {true, true, true}, 0.1), -7.8625297,
             {2.3447239, 0.6594279, 0.0832989});
}

TEST(Logistic, HoldsAtZeroWhatWouldBeNegative) {
  const LogisticFit free = fit_logistic(ten_samples(-1), {true, false, true}, 1.0);
  EXPECT_NEAR(free.weights[1], -0.2950020, 2e-6);
  const LogisticFit held = fit_logistic(ten_samples(-1), {true, true, true}, 1.0);
  EXPECT_EQ(held.weights[1], 0.0);
  expect_fit(held, -0.5972965, {1.0287043, 0.0, 0.1984112});
  expect_fit(fit_logistic(ten_samples(-1), {true, true, true}, 0.1), -0.8937105, {1.9249766, 0.0, 0.1182953});
}

// One kind only, a feature that never varies, one that decides all: finite, and held back by the ridge.
TEST(Logistic, OddSamples) {
  std::vector<LogisticSample> samples;
  for (int i = 0; i < 20; ++i) samples.push_back({{i < 10 ? -1.0 : 1.0, 7.0}, i >= 10, 1.0});
  const LogisticFit parted = fit_logistic(samples, {true, true}, 1.0);
  EXPECT_NEAR(parted.weights[1], 0.0, 1e-12);
  EXPECT_NEAR(parted.bias, 0.0, 1e-6);
  // 20 / (1 + e^w) = w
  EXPECT_NEAR(20.0 / (1.0 + std::exp(parted.weights[0])), parted.weights[0], 1e-5);
  EXPECT_GT(logistic_value(parted, std::vector<double>{1.0, 7.0}), 0.8);
}

TEST(Logistic, NothingNearbyIsBetter) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  std::vector<LogisticSample> samples;
  for (int i = 0; i < 300; ++i) {
    const std::vector<double> x{normal(random), 5.0 + 3.0 * normal(random), normal(random)};
    const double p = 1.0 / (1.0 + std::exp(-(0.7 * x[0] - 0.2 * x[1] + 0.5)));
    samples.push_back({x, std::generate_canonical<double, 53>(random) < p, 1.0});
  }
  const double ridge = 1e-9;
  const LogisticFit fit = fit_logistic(samples, {true, false, true}, ridge);
  const auto loss = [&](const LogisticFit& of) {
    double sum = 0.0;
    for (const LogisticSample& sample : samples) {
      const double p = logistic_value(of, sample.features);
      sum -= std::log(sample.positive ? p : 1.0 - p);
    }
    return sum;
  };
  for (size_t k = 0; k < 3; ++k) {
    for (const double step : {-0.01, 0.01}) {
      LogisticFit other = fit;
      other.weights[k] += step;
      if (k != 1 && other.weights[k] < 0.0) continue;
      EXPECT_GE(loss(other), loss(fit) - 1e-6) << k << " " << step;
    }
  }
}

}  // namespace
}  // namespace headwise
