// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a training tells of itself, as plain values that know no libtorch: the log keeps
// them, the report draws them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headwise {

// What one update did. Losses are means over the queries that have them; -1 where none has.
struct UpdateRecord {
  int64_t update = 0;  // from 1
  double loss = 0.0;
  double pair = -1.0;  // of graded queries
  double regulariser = -1.0;
  double divergence = -1.0;       // of a teacher's queries
  double margin = 0.0;            // mean l of relevant less mean l of other candidates, graded queries
  double rank_correlation = 0.0;  // Spearman's, of l and the teacher's scores
  double gradient_norm = 0.0;
  double learning_rate = 0.0;
  int64_t tokens = 0;
  double seconds = 0.0;
  std::string sets;  // of the batches; with several workers, of rank 0's
};

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

struct EvaluationRecord {
  int64_t update = 0;
  HeldOutResult result;
  double seconds = 0.0;
};

struct TrainingHistory {
  std::vector<UpdateRecord> updates;
  std::vector<EvaluationRecord> evaluations;
};

struct TrainingOutcome {
  int64_t updates = 0;      // done
  int64_t best_update = 0;  // whose parameters the scorer holds now
  bool stopped_early = false;
};

}  // namespace headwise
