// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: our scores and the first stage's made into one (docs/method.md#fusion).
#pragma once

#include <span>
#include <vector>

namespace headwise {

// (x - mean) / std over the candidates (std with n); all zero when they are alike.
std::vector<double> z_scores(std::span<const double> values);

// A fused score is the sum of the two.
struct FusionParts {
  std::vector<double> ours;
  std::vector<double> first_stage;
  std::vector<double> sums() const;
};

// z(ours) and weight * z(first stage).
FusionParts weighted_parts(std::span<const double> ours, std::span<const double> first_stage, double weight);
// 1 / (60 + rank in ours) and 1 / (60 + rank in first stage), ranks from 1, ties by place
// (Cormack, Clarke and Buettcher, SIGIR 2009).
FusionParts reciprocal_rank_parts(std::span<const double> ours, std::span<const double> first_stage);

std::vector<double> fuse_weighted(std::span<const double> ours, std::span<const double> first_stage,
                                  double weight);
std::vector<double> fuse_reciprocal_ranks(std::span<const double> ours, std::span<const double> first_stage);

// Places in descending order of score; ties: the earlier place first.
std::vector<int> descending_order(std::span<const double> scores);

}  // namespace headwise
