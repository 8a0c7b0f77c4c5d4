// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "heads/listwise_weights.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

namespace headwise {
namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// The loss and its gradient.
class ListwiseLoss {
 public:
  ListwiseLoss(const JudgedStores& stores, std::span<const int> places, const ReadOut& read_out, double ridge,
               ThreadPool& threads)
      : stores_(stores), heads_(places.size()), ridge_(ridge), threads_(threads), scales_(heads_, 0.0) {
    const size_t queries = stores.queries.size();
    rows_.resize(queries);
    std::vector<double> spreads(queries * heads_);
    threads_.parallel_for(static_cast<int64_t>(queries), [&](int64_t i, int) {
      const auto q = static_cast<size_t>(i);
      const JudgedScores& query = stores.queries[q];
      for (size_t h = 0; h < heads_; ++h) {
        const std::vector<double> row = summed_scores(query.scores, places.subspan(h, 1), {}, read_out);
        rows_[q].insert(rows_[q].end(), row.begin(), row.end());
        spreads[q * heads_ + h] = deviation(row);
      }
    });
    for (size_t q = 0; q < queries; ++q) {
      for (size_t h = 0; h < heads_; ++h) scales_[h] += stores.queries[q].weight * spreads[q * heads_ + h];
    }
    for (double& scale : scales_) scale = scale > 0.0 ? scale : 1.0;
    for (std::vector<double>& rows : rows_) {
      const size_t count = rows.size() / heads_;
      for (size_t i = 0; i < rows.size(); ++i) rows[i] /= scales_[i / count];
    }
  }

  const std::vector<double>& scales() const { return scales_; }

  double at(const std::vector<double>& weights, std::vector<double>& gradient) const {
    const size_t queries = rows_.size();
    std::vector<double> losses(queries), slopes(queries * heads_);
    threads_.parallel_for(static_cast<int64_t>(queries), [&](int64_t i, int) {
      const auto q = static_cast<size_t>(i);
      losses[q] = one_query(q, weights, std::span(slopes).subspan(q * heads_, heads_));
    });
    double loss = ridge_ / 2.0 * dot(weights, weights);
    for (size_t h = 0; h < heads_; ++h) gradient[h] = ridge_ * weights[h];
    for (size_t q = 0; q < queries; ++q) {
      const double weight = stores_.queries[q].weight;
      loss += weight * losses[q];
      for (size_t h = 0; h < heads_; ++h) gradient[h] += weight * slopes[q * heads_ + h];
    }
    return loss;
  }

 private:
  static double deviation(const std::vector<double>& row) {
    // Equal values must give 0, not the rounding of their mean: the row is divided by this.
    const auto [least, most] = std::minmax_element(row.begin(), row.end());
    if (*least == *most) return 0.0;
    const auto n = static_cast<double>(row.size());
    const double mean = std::accumulate(row.begin(), row.end(), 0.0) / n;
    double squares = 0.0;
    for (const double value : row) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / n);
  }

  double one_query(size_t q, const std::vector<double>& weights, std::span<double> slope) const {
    const CandidateGains& gains = stores_.queries[q].gains;
    const auto count = static_cast<size_t>(gains.candidates());
    std::vector<double> p(count, 0.0);
    for (size_t h = 0; h < heads_; ++h) {
      for (size_t d = 0; d < count; ++d) p[d] += weights[h] * rows_[q][h * count + d];
    }
    const double highest = *std::max_element(p.begin(), p.end());
    double total = 0.0;
    for (const double score : p) total += std::exp(score - highest);
    double grades = 0.0;
    for (const int candidate : gains.relevant_candidates()) grades += gains.grade(candidate);
    double loss = highest + std::log(total);
    std::vector<double> error(count);
    for (size_t d = 0; d < count; ++d) {
      const double target = gains.grade(static_cast<int64_t>(d)) / grades;
      loss -= target * p[d];
      error[d] = std::exp(p[d] - highest) / total - target;
    }
    for (size_t h = 0; h < heads_; ++h) {
      double sum = 0.0;
      for (size_t d = 0; d < count; ++d) sum += error[d] * rows_[q][h * count + d];
      slope[h] = sum;
    }
    return loss;
  }

  const JudgedStores& stores_;
  size_t heads_;
  double ridge_;
  ThreadPool& threads_;
  std::vector<double> scales_;
  std::vector<std::vector<double>> rows_;  // one a query: [heads, candidates], divided by the scales
};

// L-BFGS with ten pairs and a backtracking line search (Nocedal and Wright, Numerical Optimization,
// algorithm 7.5).
std::vector<double> minimise(const ListwiseLoss& loss, size_t size) {
  constexpr int kSteps = 500;
  constexpr size_t kPairs = 10;
  constexpr double kGradient = 1e-10, kDecrease = 1e-4;
  struct Pair {
    std::vector<double> step, change;
    double scale;
  };
  std::deque<Pair> pairs;
  std::vector<double> x(size, 0.0), gradient(size), next_gradient(size);
  double value = loss.at(x, gradient);
  for (int step = 0; step < kSteps; ++step) {
    std::vector<double> direction = gradient;
    std::vector<double> alpha(pairs.size());
    for (size_t i = pairs.size(); i-- > 0;) {
      alpha[i] = pairs[i].scale * dot(pairs[i].step, direction);
      for (size_t h = 0; h < size; ++h) direction[h] -= alpha[i] * pairs[i].change[h];
    }
    if (!pairs.empty()) {
      const double scale = 1.0 / (pairs.back().scale * dot(pairs.back().change, pairs.back().change));
      for (double& d : direction) d *= scale;
    }
    for (size_t i = 0; i < pairs.size(); ++i) {
      const double beta = pairs[i].scale * dot(pairs[i].change, direction);
      for (size_t h = 0; h < size; ++h) direction[h] += (alpha[i] - beta) * pairs[i].step[h];
    }
    const double slope = -dot(gradient, direction);
    double length = 1.0, next = value;
    std::vector<double> y(size);
    for (;; length /= 2.0) {
      for (size_t h = 0; h < size; ++h) y[h] = x[h] - length * direction[h];
      next = loss.at(y, next_gradient);
      if (next <= value + kDecrease * length * slope || length < 1e-12) break;
    }
    if (next >= value) break;  // nothing left but rounding
    Pair pair{std::vector<double>(size), std::vector<double>(size), 0.0};
    double largest = 0.0;
    for (size_t h = 0; h < size; ++h) {
      pair.step[h] = y[h] - x[h];
      pair.change[h] = next_gradient[h] - gradient[h];
      largest = std::max(largest, std::abs(next_gradient[h]));
    }
    pair.scale = 1.0 / dot(pair.step, pair.change);
    x = std::move(y);
    gradient = next_gradient;
    value = next;
    if (largest < kGradient) break;
    if (std::isfinite(pair.scale) && pair.scale > 0.0) pairs.push_back(std::move(pair));
    if (pairs.size() > kPairs) pairs.pop_front();
  }
  return x;
}

}  // namespace

ListwiseWeights listwise_weights(const JudgedStores& stores, std::span<const int> places,
                                 const ReadOut& read_out, double ridge, ThreadPool& threads) {
  const ListwiseLoss loss(stores, places, read_out, ridge, threads);
  ListwiseWeights found;
  found.standard = minimise(loss, places.size());
  for (size_t h = 0; h < places.size(); ++h) found.raw.push_back(found.standard[h] / loss.scales()[h]);
  return found;
}

}  // namespace headwise
