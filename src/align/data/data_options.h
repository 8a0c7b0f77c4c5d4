// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which preferences are trained on, and how lists are made of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "align/data/graded_lists.h"

namespace headwise {

struct TargetFile {
  std::filesystem::path path;
  double weight = 1.0;
  double frozen = 0.0;       // of the frozen model's logits, added to the teacher's scores / temperature
  double bonus = 0.0;        // of known positives, added likewise
  double temperature = 0.0;  // of its scores; 0: LossOptions::temperature
};

struct DataOptions {
  std::vector<DataSetSpec> graded;
  std::vector<TargetFile> targets;
  std::vector<DataSetSpec> held_out;
  int list_size = 16;
  bool fixed_lists = false;  // as many as there are queries, again and again
  int lists = 1;             // of one data set in a batch: they share their passages (blocks)
  int max_words = 60;
  uint64_t seed = 1;
};

}  // namespace headwise
