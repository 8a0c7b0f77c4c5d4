// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the form in which a segment's keys and values are kept, where it is not the one that a
// pass leaves them in: a narrower type, and in each layer a part of the tokens; and how a budget becomes such
// a form (docs/method.md#kept-passages). Source of budgets by depth: DepthKV (2604.24647), reconstructed;
// falling with depth: PyramidKV (Cai et al. 2024, 2406.02069).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "headwise/error.h"
#include "headwise/keep.h"

namespace headwise {

struct KeptForm {
  KeptType type = KeptType::kFloat32;
  // By layer, in {0} or [1/32, 1]; empty: all tokens in every layer. With 0 nothing is kept of the layer, and
  // rows do not see the segment there.
  std::vector<float> shares{};
  BudgetTokens tokens = BudgetTokens::kEvery;

  // The first layer of which something is kept.
  int first_layer() const;
  bool as_run() const { return type == KeptType::kFloat32 && shares.empty(); }
  friend bool operator==(const KeptForm&, const KeptForm&) = default;
};

// What a budget file says, by layer: one of the two (docs/formats.md#budget-files).
struct LayerBudget {
  std::vector<double> shares;       // as in KeptForm
  std::vector<double> sensitivity;  // what is lost when the layer alone is pruned; shares are in proportion
};

// The form of a budget for a model that keeps `layers` layers. `file`: what budget.file holds; null where it
// is empty. Shares in proportion (depth, pyramid) are brought into [1/32, 1] and keep the budget's mean.
// kUsage when budget and file contradict each other, or nothing is left.
Result<KeptForm> kept_form(KeptType type, const KeepBudget& budget, const LayerBudget* file, int layers);

// How many tokens of a segment a share keeps: the nearest number, at least one; none with 0.
int64_t kept_count(float share, int64_t tokens);
// The last token of each of `count` runs of equal length, ascending: BudgetTokens::kEvery.
std::vector<int32_t> every_token(int64_t count, int64_t tokens);
// The `count` tokens with the largest worth, ascending; of equal ones the first.
std::vector<int32_t> worthiest_tokens(int64_t count, std::span<const double> worth);

}  // namespace headwise
