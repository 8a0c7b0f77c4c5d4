// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the training loop of HeadRank's alignment (docs/method.md#training): batches, losses,
// AdamW, held-out queries, early stop, checkpoints. What it is not: files of the result
// (align/files/adapter_files.h) or anything printed.
//
// With the same seed, machine and number of threads the result is the same bytes, whether the run was stopped
// and went on or not. Thread rule: one caller; libtorch's threads inside.
#pragma once

#include <functional>
#include <string>

#include "align/data/training_data.h"
#include "align/files/training_records.h"
#include "align/graph/scorer.h"
#include "align/loop/align_options.h"
#include "align/loop/workers.h"
#include "headwise/error.h"

namespace headwise {

struct TrainingEvents {
  std::function<void(const UpdateRecord&)> on_update;
  std::function<void(const EvaluationRecord&)> on_evaluation;
  std::function<void(const std::string&)> on_note;
  std::function<bool()> stop;  // asked between batches
};

// Trains `scorer` in place and leaves the best parameters (the last ones without held-out sets) in it.
// `settings` is a JSON object of everything that decides the result. Writes checkpoint.safetensors and
// log.jsonl in options.output and goes on from them; the checkpoint is left there. kCancelled when stopped:
// the same call goes on.
//
// Several workers make one update together, of options.accumulate batches each: as one process with as many
// times the batches an update. Rank 0 alone evaluates and writes. All stop when one of them does.
Result<TrainingOutcome> train(Scorer& scorer, const TrainingData& data, const AlignOptions& options,
                              const std::string& settings, bool restart, const TrainingEvents& events,
                              TrainingWorkers& workers);

}  // namespace headwise
