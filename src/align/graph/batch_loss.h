// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one batch's loss, put together from its queries' (losses.h).
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "align/data/batches.h"
#include "align/graph/losses.h"
#include "align/graph/scorer.h"
#include "headwise/error.h"

namespace headwise {

// Means over the queries that have them; -1 where none has.
struct BatchLoss {
  torch::Tensor value;  // ready for backward(); undefined where no query has a loss
  double pair = -1.0;   // of graded queries
  double regulariser = -1.0;
  double divergence = -1.0;        // of a teacher's queries
  double margin = -1.0;            // mean l of relevant less mean l of other candidates, graded queries
  double rank_correlation = -1.0;  // Spearman's, of l and the teacher's scores
  int64_t tokens = 0;
};

Result<BatchLoss> batch_loss(Scorer& scorer, const TrainingBatch& batch, const LossOptions& options);

}  // namespace headwise
