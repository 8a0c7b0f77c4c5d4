// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: every source of batches together, and which batch is the n-th: a function of the seed
// and n alone, so that a run that goes on after a stop sees what the other would have seen.
//
// Thread rule: immutable after loading.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "align/data/batches.h"
#include "align/data/data_options.h"
#include "align/data/graded_lists.h"
#include "headwise/error.h"

namespace headwise {

class TrainingData {
 public:
  // kUsage when there is nothing to train on.
  static Result<TrainingData> load(const DataOptions& options);

  TrainingBatch batch(int64_t number) const;
  // Batches of the files, and a list for each graded query.
  int64_t batches() const;

  // One a line for people: "dl21: 53 graded queries", "targets.jsonl: 400 batches".
  std::vector<std::string> describe() const;
  const std::vector<HeldOutSet>& held_out() const { return held_out_; }
  std::string fingerprint() const;  // of every text and number

 private:
  std::vector<double> source_weights() const;

  DataOptions options_;
  std::vector<GradedSet> graded_;
  std::vector<std::vector<TrainingBatch>> targets_;  // one list a file
  std::vector<HeldOutSet> held_out_;
};

}  // namespace headwise
