// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: everything that decides what `align` trains and how, as its flags say it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "align/graded_lists.h"
#include "align/losses.h"
#include "align/training_model.h"
#include "headwise/reranker.h"

namespace headwise {

struct TargetFile {
  std::filesystem::path path;
  double weight = 1.0;
  double frozen = 0.0;       // of the frozen model's logits, added to the teacher's scores / temperature
  double temperature = 0.0;  // of its scores; 0: AlignOptions::temperature
};

struct AlignOptions {
  // Preferences.
  std::vector<DataSetSpec> graded;
  std::vector<TargetFile> targets;
  std::vector<DataSetSpec> held_out;
  int list_size = 16;
  bool fixed_lists = false;  // as many as there are queries, again and again
  int lists = 1;             // of one data set in a batch: they share their passages (blocks)
  int max_words = 60;
  double graded_loss_weight = 1.0;
  double temperature = 0.05;  // of the teacher's scores
  PairLossOptions pairs;
  bool against_frozen = false;  // pair margins less the frozen model's
  Regulariser regulariser = Regulariser::kKl;
  double regulariser_weight = 0.1;

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
  uint64_t seed = 1;

  // Held-out queries.
  int64_t evaluate_every = 50;  // updates; 0: at the start and the end alone
  int patience = 0;             // evaluations without a better one before it stops; 0: never

  int64_t checkpoint_every = 20;
  bool finish = false;  // trains no more: the checkpoint's parameters are the result
  std::filesystem::path output;
};

}  // namespace headwise
