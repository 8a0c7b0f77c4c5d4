// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the training loop of HeadRank's alignment (docs/method.md#training): batches, losses,
// AdamW, held-out queries, early stop, checkpoints. What it is not: files of the result (adapter_files.h) or
// anything printed.
//
// With the same seed, machine and number of threads the result is the same bytes, whether the run was stopped
// and went on or not. Thread rule: one caller; libtorch's threads inside.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "align/align_options.h"
#include "align/evaluation.h"
#include "align/scorer.h"
#include "align/training_data.h"
#include "align/workers.h"
#include "headwise/error.h"

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

struct EvaluationRecord {
  int64_t update = 0;
  HeldOutResult result;
  double seconds = 0.0;
};

struct TrainingEvents {
  std::function<void(const UpdateRecord&)> on_update;
  std::function<void(const EvaluationRecord&)> on_evaluation;
  std::function<void(const std::string&)> on_note;
  std::function<bool()> stop;  // asked between batches
};

struct TrainingOutcome {
  int64_t updates = 0;      // done
  int64_t best_update = 0;  // whose parameters the scorer holds now
  bool stopped_early = false;
};

// One batch's loss, ready for backward(); for tests and benchmarks too. `record` gets its parts.
Result<torch::Tensor> batch_loss(Scorer& scorer, const TrainingBatch& batch, const AlignOptions& options,
                                 UpdateRecord& record);

// Trains `scorer` in place and leaves the best parameters (the last ones without held-out sets) in it.
// `settings` is a JSON object of everything that decides the result. Writes checkpoint.safetensors and
// log.jsonl in options.output and goes on from them; the checkpoint is left there. kCancelled when stopped:
// the same call goes on.
//
// Several workers make one update together, of options.accumulate batches each: as one process with as many
// times the batches an update. Rank 0 alone evaluates and writes. All stop when one of them does.
Result<TrainingOutcome> train(Scorer& scorer, const TrainingData& data, const AlignOptions& options,
                              const std::string& settings, bool restart, const TrainingEvents& events,
                              Workers& workers);

}  // namespace headwise
