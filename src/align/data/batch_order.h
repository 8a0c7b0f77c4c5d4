// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which batches belong to one update. As they are drawn one may take thrice the time of
// another, and with a process for each the shorter one waits: so the batches of a few updates are sorted by
// length and cut into updates anew, which then come in any order. What it is not: what a batch holds
// (training_data.h).
//
// Thread rule: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "align/data/batches.h"

namespace headwise {

// About what a batch costs: characters of what is run, with the frozen model's pass where its logits are
// asked for.
int64_t length_of(const TrainingBatch& batch);

class BatchOrder {
 public:
  // `in_update` batches an update, all workers' together; with one, each is an update of its own, as drawn.
  // `length` of a batch by its number. Of `in_round` batches that are drawn in turn no more are sorted
  // together: a batch that came twice would stand beside itself.
  BatchOrder(int64_t in_update, int64_t in_round, uint64_t seed, std::function<int64_t(int64_t)> length);

  // The number of an update's batch, `place` in 0 .. in_update - 1: a function of these, the seed and the
  // lengths alone, so that a run that goes on has the order of one that never stopped.
  int64_t number(int64_t update, int64_t place);

 private:
  void sort(int64_t group);

  int64_t in_update_;
  int64_t updates_ = 1;  // whose batches are sorted together
  uint64_t seed_;
  std::function<int64_t(int64_t)> length_;
  int64_t group_ = -1;            // whose numbers these are
  std::vector<int64_t> numbers_;  // update after update
};

}  // namespace headwise
