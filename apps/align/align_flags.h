// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the flags of `align`, what they decide, and the settings that a checkpoint must share.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "align/files/training_log.h"
#include "align/graph/training_model.h"
#include "align/loop/align_options.h"
#include "align/loop/trainer.h"
#include "align/loop/workers.h"
#include "common/output.h"
#include "headwise/head_set.h"
#include "headwise/model.h"

namespace headwise {

struct AlignFlags {
  AlignOptions options;
  TrainingModelOptions training;
  std::string model;
  std::filesystem::path from;  // an adapter's folder to start from; empty: from nothing
  std::string heads = "default";
  std::string select;  // a method of `heads select` that finds the heads; empty: `heads` says them
  int select_count = 0;
  int select_max_layer = -1;
  int select_queries = 60;
  std::string encoding, calibration, token_filter, rows, prompt_template;  // empty: as the head set says
  std::vector<std::string> graded, targets, held_out;
  std::vector<std::string> projections{"q", "k"};
  std::string regulariser = "kl";
  std::string precision = "fp32";
  std::string device = "cpu";
  double gain = 1.0;
  WorkersOptions workers;
  std::string meet;  // HOST:PORT; empty: workers' own, or torchrun's
  bool train_weights = false;
  bool restart = false;
  int threads = 0;
};

void add_align_flags(CLI::App& program, AlignFlags& flags);
// Words to values; kUsage names the flag.
Status settle_options(AlignFlags& flags);
// Everything that decides the result, by flag.
Json settings_json(const AlignFlags& flags, const HeadSet& set);
// README.md (the model card) and training.html in the folder.
Status write_training_pages(const std::filesystem::path& folder, const AlignFlags& flags, const Model& model,
                            const TrainingData& data, const TrainingHistory& history,
                            const TrainingOutcome& outcome, const Json& settings);

}  // namespace headwise
