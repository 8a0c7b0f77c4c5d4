// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/router_math.h"

#include <algorithm>

#include "base/check.h"

namespace headwise {
namespace {

size_t size_of(int64_t a, int64_t b) { return static_cast<size_t>(a) * static_cast<size_t>(b); }

// log(1 + e^z) without overflow.
double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

// u [queries, r] = x W^T + c.
std::vector<double> inner_values(const RouterWeights& weights, std::span<const double> inputs,
                                 int64_t queries) {
  const auto C = static_cast<size_t>(weights.inputs), R = static_cast<size_t>(weights.inner);
  std::vector<double> u(size_of(queries, weights.inner));
  for (size_t q = 0; q < static_cast<size_t>(queries); ++q) {
    for (size_t r = 0; r < R; ++r) {
      // Four sums side by side: a fixed order that the compiler may keep in one register.
      double sums[4] = {};
      const double* x = inputs.data() + q * C;
      const double* row = weights.map_RC.data() + r * C;
      size_t c = 0;
      for (; c + 4 <= C; c += 4) {
        for (size_t i = 0; i < 4; ++i) sums[i] += x[c + i] * row[c + i];
      }
      for (; c < C; ++c) sums[0] += x[c] * row[c];
      u[q * R + r] = (sums[0] + sums[1]) + (sums[2] + sums[3]) + weights.offset_R[r];
    }
  }
  return u;
}

std::vector<double> logits_of(const RouterWeights& weights, const std::vector<double>& u, int64_t queries) {
  const size_t R = static_cast<size_t>(weights.inner), K = weights.bias_K.size();
  const double scale = R > 0 ? 1.0 / std::sqrt(static_cast<double>(R)) : 0.0;
  std::vector<double> z(static_cast<size_t>(queries) * K);
  for (size_t q = 0; q < static_cast<size_t>(queries); ++q) {
    for (size_t k = 0; k < K; ++k) {
      double sum = 0.0;
      for (size_t r = 0; r < R; ++r) sum += u[q * R + r] * weights.heads_KR[k * R + r];
      z[q * K + k] = sum * scale + weights.bias_K[k];
    }
  }
  return z;
}

}  // namespace

std::vector<double> standardise(const RouterWeights& weights, std::span<const float> embedding) {
  HW_CHECK(static_cast<int64_t>(embedding.size()) == weights.inputs);
  std::vector<double> input(embedding.size());
  for (size_t c = 0; c < input.size(); ++c) {
    input[c] = (static_cast<double>(embedding[c]) - weights.mean_C[c]) / weights.deviation_C[c];
  }
  return input;
}

std::vector<double> router_logits(const RouterWeights& weights, std::span<const double> inputs,
                                  int64_t queries) {
  return logits_of(weights, inner_values(weights, inputs, queries), queries);
}

RouterGradients router_gradients(const RouterWeights& weights, const RouterBatch& batch,
                                 double positive_weight, double sparsity) {
  const auto C = static_cast<size_t>(weights.inputs), R = static_cast<size_t>(weights.inner);
  const size_t K = weights.bias_K.size(), Q = static_cast<size_t>(batch.queries);
  const std::vector<double> u = inner_values(weights, batch.inputs, batch.queries);
  std::vector<double> z = logits_of(weights, u, batch.queries);
  const double n = static_cast<double>(Q * K);
  RouterGradients gradients;
  std::vector<double>& dz = z;  // in place
  for (size_t i = 0; i < Q * K; ++i) {
    const double y = batch.labels[i], w = positive_weight, p = sigmoid(z[i]);
    gradients.loss += (w * y * softplus(-z[i]) + (1.0 - y) * softplus(z[i]) + sparsity * p) / n;
    dz[i] = (p * (w * y + 1.0 - y) - w * y + sparsity * p * (1.0 - p)) / n;
  }
  const double scale = R > 0 ? 1.0 / std::sqrt(static_cast<double>(R)) : 0.0;
  gradients.bias_K.assign(K, 0.0);
  gradients.heads_KR.assign(K * R, 0.0);
  gradients.offset_R.assign(R, 0.0);
  gradients.map_RC.assign(R * C, 0.0);
  std::vector<double> du(R);
  for (size_t q = 0; q < Q; ++q) {
    std::fill(du.begin(), du.end(), 0.0);
    for (size_t k = 0; k < K; ++k) {
      const double slope = dz[q * K + k];
      gradients.bias_K[k] += slope;
      for (size_t r = 0; r < R; ++r) {
        gradients.heads_KR[k * R + r] += slope * u[q * R + r] * scale;
        du[r] += slope * weights.heads_KR[k * R + r] * scale;
      }
    }
    const double* x = batch.inputs.data() + q * C;
    for (size_t r = 0; r < R; ++r) {
      gradients.offset_R[r] += du[r];
      double* row = gradients.map_RC.data() + r * C;
      for (size_t c = 0; c < C; ++c) row[c] += du[r] * x[c];
    }
  }
  return gradients;
}

}  // namespace headwise
