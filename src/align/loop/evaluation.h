// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how well the heads, as trained so far, order held-out candidates: nDCG@10 a data set,
// alone and fused with the first stage, and the middle-zone figures (eval/middle_zone.h).
#pragma once

#include <functional>
#include <vector>

#include "align/data/graded_lists.h"
#include "align/files/training_records.h"
#include "align/graph/scorer.h"

namespace headwise {

// kCancelled when `stop` says so.
Result<HeldOutResult> evaluate_held_out(const Scorer& scorer, const std::vector<HeldOutSet>& sets,
                                        const std::function<bool()>& stop);

}  // namespace headwise
