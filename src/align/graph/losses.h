// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what training makes small: the pair loss over adjacent grades, its regularisers, and the
// listwise divergence from a teacher's scores. docs/method.md#training; HeadRank (arXiv 2604.17237) is
// known by its abstract: the formulas are our reconstruction, the listwise divergence is our addition.
//
// All take the logits l [P] of one query's candidates, in any floating type, and give a scalar that can be
// differentiated. Everything else is plain numbers.
#pragma once

#include <torch/torch.h>

#include <optional>
#include <span>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

enum class Regulariser { kNone, kKl, kVariance, kEntropy };

// "none", "kl", "var", "ent".
Result<Regulariser> regulariser_named(std::string_view name);

struct PairLossOptions {
  int pairs = 16;       // of each boundary between adjacent grades, those with the smallest margin; 0: all
  double scale = 0.5;   // of margins
  double margin = 0.1;  // asked for, in scaled units
};

// How a batch's losses are put together.
struct LossOptions {
  double graded_loss_weight = 1.0;  // of graded queries against a teacher's
  double temperature = 0.05;        // of the teacher's scores
  PairLossOptions pairs;
  bool against_frozen = false;  // pair margins less the frozen model's
  Regulariser regulariser = Regulariser::kKl;
  double regulariser_weight = 0.1;
};

// Mean over the chosen pairs (i above j by one step of the grades present) of softplus(-((l_i - l_j) / scale
// - margin)). `reference`, where given, are the frozen model's logits: its margins are subtracted (the form
// of DPO, Rafailov et al. 2023). Undefined where the grades are all alike.
torch::Tensor pair_loss(const torch::Tensor& logits, std::span<const int> grades,
                        const PairLossOptions& options,
                        const std::optional<torch::Tensor>& reference = std::nullopt);

// kKl: KL(softmax(grade) || p); kVariance: max(0, 0.5 - std of l over the middle zone); kEntropy: entropy of
// p over log P. p = softmax(l). `places` are the candidates' places in the prompt, from 0: the middle zone is
// its middle half (places 10 to 29 of 40). Undefined for kNone.
torch::Tensor regulariser_loss(Regulariser kind, const torch::Tensor& logits, std::span<const int> grades,
                               std::span<const int> places);

// bonus * grade / highest grade: what grades add to a teacher's targets. Zeros where no grade is above 0.
torch::Tensor grade_bonus(std::span<const int> grades, double bonus);

// KL(softmax(teacher / temperature + added) || softmax(l)); `added` [P], where given, takes no gradient.
torch::Tensor listwise_divergence(const torch::Tensor& logits, std::span<const float> teacher,
                                  double temperature,
                                  const std::optional<torch::Tensor>& added = std::nullopt);

}  // namespace headwise
