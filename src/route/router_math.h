// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the router's function and the exact gradients of its loss, in double precision and in
// one fixed order of additions: the same bits on every run (docs/method.md#routing).
//
//   loss = mean over queries and heads of BCE(p, y), y = 1 weighted by w,  +  lambda * mean p
//   dz = [p (w y + 1 - y) - w y + lambda p (1 - p)] / n,  n = queries * heads
//   dE = dz^T U / sqrt(r); db = sum dz; dU = dz E / sqrt(r); dW = dU^T X; dc = sum dU
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "headwise/router.h"

namespace headwise {

inline double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

// (x - mean) / deviation.
std::vector<double> standardise(const RouterWeights& weights, std::span<const float> embedding);

// z [queries, heads] of standardised inputs [queries, C]; C = 0: the bias for each query.
std::vector<double> router_logits(const RouterWeights& weights, std::span<const double> inputs,
                                  int64_t queries);

struct RouterBatch {
  std::span<const double> inputs;  // [queries, C], standardised
  std::span<const double> labels;  // [queries, heads], 0 or 1
  int64_t queries = 0;
};

// Gradients in the shapes of RouterWeights; mean and deviation are not trained and stay empty.
struct RouterGradients {
  double loss = 0.0;
  std::vector<double> map_RC, offset_R, heads_KR, bias_K;
};
RouterGradients router_gradients(const RouterWeights& weights, const RouterBatch& batch,
                                 double positive_weight, double sparsity);

}  // namespace headwise
