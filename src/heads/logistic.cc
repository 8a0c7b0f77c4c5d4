// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/logistic.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

using Matrix = std::vector<std::vector<double>>;

double sigmoid(double x) { return x >= 0.0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x)); }
// log(1 + e^x)
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// Solves A x = b for a symmetric positive definite A (Cholesky).
std::vector<double> solve(Matrix a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
    HW_CHECK(a[j][j] > 0.0);
    a[j][j] = std::sqrt(a[j][j]);
    for (size_t i = j + 1; i < n; ++i) {
      for (size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] /= a[j][j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

// Features with mean 0 and deviation 1, and a last one that is 1 for the bias.
class Problem {
 public:
  Problem(std::span<const LogisticSample> samples, std::vector<bool> not_negative, double ridge)
      : samples_(samples), bounded_(std::move(not_negative)), ridge_(ridge), size_(bounded_.size()) {
    mean_.assign(size_, 0.0);
    deviation_.assign(size_, 0.0);
    double all = 0.0;
    for (const LogisticSample& sample : samples_) all += sample.count;
    for (const LogisticSample& sample : samples_) {
      for (size_t k = 0; k < size_; ++k) mean_[k] += sample.count / all * sample.features[k];
    }
    for (const LogisticSample& sample : samples_) {
      for (size_t k = 0; k < size_; ++k) {
        deviation_[k] += sample.count / all * std::pow(sample.features[k] - mean_[k], 2);
      }
    }
    // One that never varies but for rounding tells nothing.
    for (size_t k = 0; k < size_; ++k) {
      const double deviation = std::sqrt(deviation_[k]);
      deviation_[k] = deviation > 1e-9 * (1.0 + std::abs(mean_[k])) ? deviation : 1.0;
    }
    bounded_.push_back(false);
    for (const LogisticSample& sample : samples_) {
      rows_.emplace_back();
      for (size_t k = 0; k < size_; ++k)
        rows_.back().push_back((sample.features[k] - mean_[k]) / deviation_[k]);
      rows_.back().push_back(1.0);
    }
  }

  LogisticFit solution() const {
    std::vector<double> v(size_ + 1, 0.0);
    constexpr int kMostSteps = 200;
    for (int step = 0; step < kMostSteps; ++step) {
      if (!newton(v)) break;
    }
    LogisticFit fit{.bias = v[size_], .weights = {}};
    for (size_t k = 0; k < size_; ++k) {
      fit.weights.push_back(v[k] / deviation_[k]);
      fit.bias -= v[k] * mean_[k] / deviation_[k];
    }
    return fit;
  }

 private:
  double value(const std::vector<double>& row, const std::vector<double>& v) const {
    double sum = 0.0;
    for (size_t k = 0; k <= size_; ++k) sum += row[k] * v[k];
    return sum;
  }
  double loss(const std::vector<double>& v) const {
    double sum = 0.0;
    for (size_t k = 0; k < size_; ++k) sum += ridge_ / 2.0 * v[k] * v[k];
    for (size_t i = 0; i < rows_.size(); ++i) {
      const double x = value(rows_[i], v);
      sum += samples_[i].count * (samples_[i].positive ? softplus(-x) : softplus(x));
    }
    return sum;
  }

  // One step among the weights that are free; false when nothing is gained any more.
  bool newton(std::vector<double>& v) const {
    std::vector<double> slope(size_ + 1, 0.0);
    Matrix curve(size_ + 1, std::vector<double>(size_ + 1, 0.0));
    for (size_t k = 0; k < size_; ++k) {
      slope[k] = ridge_ * v[k];
      curve[k][k] = ridge_;
    }
    curve[size_][size_] = 1e-9;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const std::vector<double>& row = rows_[i];
      const double p = sigmoid(value(row, v));
      const double off = samples_[i].count * (p - (samples_[i].positive ? 1.0 : 0.0));
      const double steep = samples_[i].count * p * (1.0 - p);
      for (size_t k = 0; k <= size_; ++k) {
        slope[k] += off * row[k];
        for (size_t j = 0; j <= k; ++j) curve[k][j] += steep * row[k] * row[j];
      }
    }
    std::vector<size_t> free;
    for (size_t k = 0; k <= size_; ++k) {
      const bool held = bounded_[k] && v[k] <= 0.0 && slope[k] >= 0.0;
      if (!held) free.push_back(k);
    }
    Matrix part;
    std::vector<double> down;
    for (const size_t k : free) {
      part.emplace_back();
      for (const size_t j : free) part.back().push_back(curve[std::max(k, j)][std::min(k, j)]);
      down.push_back(-slope[k]);
    }
    const std::vector<double> step = solve(std::move(part), std::move(down));
    return take(v, free, step);
  }

  // The longest half of the step that gains, bounded weights stopping at 0.
  bool take(std::vector<double>& v, const std::vector<size_t>& free, const std::vector<double>& step) const {
    constexpr double kEnough = 1e-12;
    const double before = loss(v);
    for (double length = 1.0; length > 1e-10; length /= 2.0) {
      std::vector<double> next = v;
      for (size_t i = 0; i < free.size(); ++i) {
        next[free[i]] += length * step[i];
        if (bounded_[free[i]]) next[free[i]] = std::max(next[free[i]], 0.0);
      }
      const double now = loss(next);
      if (now >= before) continue;
      v = std::move(next);
      return before - now > kEnough * (1.0 + std::abs(before));
    }
    return false;
  }

  std::span<const LogisticSample> samples_;
  std::vector<bool> bounded_;  // the bias last
  double ridge_;
  size_t size_;
  std::vector<double> mean_, deviation_;
  Matrix rows_;
};

}  // namespace

LogisticFit fit_logistic(std::span<const LogisticSample> samples, const std::vector<bool>& not_negative,
                         double ridge) {
  HW_CHECK(!samples.empty() && ridge > 0.0);
  return Problem(samples, not_negative, ridge).solution();
}

double logistic_value(const LogisticFit& fit, std::span<const double> features) {
  double sum = fit.bias;
  for (size_t k = 0; k < features.size(); ++k) sum += fit.weights[k] * features[k];
  return sigmoid(sum);
}

}  // namespace headwise
