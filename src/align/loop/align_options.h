// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: everything that decides what `align` trains and how, as its flags say it.
#pragma once

#include <cstdint>
#include <filesystem>

#include "align/data/data_options.h"
#include "align/graph/losses.h"

namespace headwise {

struct AlignOptions : DataOptions, LossOptions {
  // Optimisation.
  int64_t updates = 200;
  int accumulate = 1;  // batches an update
  double learning_rate = 1e-4;
  double weights_learning_rate = 0.0;  // of gain and heads' weights; 0: they stay
  double weight_decay = 0.0;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double warm_up = 0.1;  // share of the updates
  double floor = 0.05;   // share of the learning rate at the end
  double clip = 1.0;
  double average = 0.0;  // decay of a running mean of what is trained, which is then the result; 0: none

  // Held-out queries.
  int64_t evaluate_every = 50;  // updates; 0: at the start and the end alone
  int patience = 0;             // evaluations without a better one before it stops; 0: never

  int64_t checkpoint_every = 20;
  bool finish = false;  // trains no more: the checkpoint's parameters are the result
  std::filesystem::path output;
};

}  // namespace headwise
