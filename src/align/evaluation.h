// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how well the heads, as trained so far, order held-out candidates: nDCG@10 a data set,
// alone and fused with the first stage, and the middle-zone figures (eval/middle_zone.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "align/graded_lists.h"
#include "align/scorer.h"

namespace headwise {

struct HeldOutFigures {
  std::string set;
  int queries = 0;  // judged
  double first_stage = 0.0;
  double alone = 0.0;
  double fused = 0.0;  // z-scores, the first stage's weighted .7
  // Of the middle of the prompts: eval/middle_zone.h.
  double relevant_rate = 0.0;
  double irrelevant_rate = 0.0;
  double deviation_inside = 0.0;
  double deviation_outside = 0.0;
};

struct HeldOutResult {
  std::vector<HeldOutFigures> sets;
  double mean_alone() const;  // over sets
};

// kCancelled when `stop` says so.
Result<HeldOutResult> evaluate_held_out(const Scorer& scorer, const std::vector<HeldOutSet>& sets,
                                        const std::function<bool()>& stop);

}  // namespace headwise
