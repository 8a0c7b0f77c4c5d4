// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "headwise/significance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace headwise {
namespace {

// Continued fraction of the incomplete beta function by Lentz's method (Press et al., Numerical
// Recipes, 6.4).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1.0;
  double d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
  double h = d;
  for (int m = 1; m <= 10'000; ++m) {
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    d = 1.0 / away_from_zero(1.0 + even * d);
    c = away_from_zero(1.0 + even / c);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 / away_from_zero(1.0 + odd * d);
    c = away_from_zero(1.0 + odd / c);
    h *= d * c;
    if (std::abs(d * c - 1.0) < 1e-16) break;
  }
  return h;
}

// I_x(a, b), given x and 1 - x so that neither is lost to rounding.
double regularised_beta(double a, double b, double x, double rest) {
  if (x <= 0.0) return 0.0;
  if (rest <= 0.0) return 1.0;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log(rest));
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, rest) / b;
}

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same stream on every machine.
class SignStream {
 public:
  explicit SignStream(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// Every assignment of signs, in Gray order would save sums; 2^16 of 16 terms need no saving.
double exact_flips(std::span<const double> differences, double bound) {
  const uint64_t total = uint64_t{1} << differences.size();
  uint64_t extreme = 0;
  for (uint64_t signs = 0; signs < total; ++signs) {
    double sum = 0.0;
    for (size_t i = 0; i < differences.size(); ++i)
      sum += (signs >> i) & 1 ? -differences[i] : differences[i];
    if (std::abs(sum) >= bound) ++extreme;
  }
  return static_cast<double>(extreme) / static_cast<double>(total);
}

// The observed assignment is one of the samples (Phipson and Smyth, 2010): p is never 0.
double sampled_flips(std::span<const double> differences, double bound, const PairedTestOptions& options) {
  SignStream stream(options.seed);
  int64_t extreme = 0;
  for (int64_t sample = 0; sample < options.samples; ++sample) {
    double sum = 0.0;
    for (size_t begin = 0; begin < differences.size(); begin += 64) {
      uint64_t signs = stream.next();
      const size_t end = std::min(begin + 64, differences.size());
      for (size_t i = begin; i < end; ++i, signs >>= 1) {
        // The sign bit is flipped directly: a branch on random bits would be mispredicted half of the time.
        sum += std::bit_cast<double>(std::bit_cast<uint64_t>(differences[i]) ^ (signs << 63));
      }
    }
    if (std::abs(sum) >= bound) ++extreme;
  }
  return static_cast<double>(extreme + 1) / static_cast<double>(options.samples + 1);
}

void add_randomisation(std::span<const double> all, const PairedTestOptions& options, PairedTest& test) {
  // A zero stays zero whatever its sign.
  std::vector<double> differences;
  for (double difference : all) {
    if (difference != 0.0) differences.push_back(difference);
  }
  double observed = 0.0, size = 0.0;
  for (double difference : differences) {
    observed += difference;
    size += std::abs(difference);
  }
  // Sums of the same terms in other signs round differently: equal ones must count as equal.
  const double bound = std::abs(observed) - 1e-12 * size;
  test.exact = differences.size() < 62 && (int64_t{1} << differences.size()) <= options.samples;
  test.randomisation_p =
      test.exact ? exact_flips(differences, bound) : sampled_flips(differences, bound, options);
}

void add_t_test(std::span<const double> differences, double confidence, PairedTest& test) {
  const double n = static_cast<double>(differences.size());
  if (differences.size() < 2) return;
  double squares = 0.0;
  for (double difference : differences) {
    squares += (difference - test.mean_difference) * (difference - test.mean_difference);
  }
  const double error = std::sqrt(squares / (n - 1.0) / n);
  const double reach = error * student_quantile((1.0 - confidence) / 2.0, n - 1.0);
  test.low = test.mean_difference - reach;
  test.high = test.mean_difference + reach;
  // Differences that are all the same up to rounding leave no spread to measure by.
  if (error <= 1e-15 * std::abs(test.mean_difference)) {
    test.t_test_p = test.mean_difference == 0.0 ? 1.0 : 0.0;
    return;
  }
  test.t = test.mean_difference / error;
  test.t_test_p = student_two_sided(*test.t, n - 1.0);
}

}  // namespace

double student_two_sided(double t, double freedom) {
  const double square = t * t;
  return regularised_beta(freedom / 2.0, 0.5, freedom / (freedom + square), square / (freedom + square));
}

double student_quantile(double tail, double freedom) {
  double low = 0.0, high = 1.0;
  while (student_two_sided(high, freedom) / 2.0 > tail && high < 1e300) high *= 2.0;
  for (int step = 0; step < 200 && low < high; ++step) {
    const double middle = low + (high - low) / 2.0;
    if (middle == low || middle == high) break;
    (student_two_sided(middle, freedom) / 2.0 > tail ? low : high) = middle;
  }
  return high;
}

PairedTest paired_test(std::span<const double> a, std::span<const double> b,
                       const PairedTestOptions& options) {
  HW_CHECK(a.size() == b.size());
  PairedTest test;
  test.queries = a.size();
  if (a.empty()) return test;
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    differences[i] = b[i] - a[i];
    ++(differences[i] > 0.0 ? test.wins : differences[i] < 0.0 ? test.losses : test.ties);
  }
  test.mean_difference =
      std::accumulate(differences.begin(), differences.end(), 0.0) / static_cast<double>(a.size());
  add_t_test(differences, options.confidence, test);
  add_randomisation(differences, options, test);
  return test;
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0.0;
  for (size_t i = 0; i < order.size(); ++i) {
    const double scaled = p_values[order[i]] * static_cast<double>(order.size() - i);
    largest = std::max(largest, std::min(1.0, scaled));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

}  // namespace headwise
