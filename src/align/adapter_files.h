// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what training leaves behind for others to use: adapter_config.json and
// adapter_model.safetensors in PEFT's layout, heads.json beside them, and a model card (README.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "align/scorer.h"
#include "headwise/error.h"
#include "headwise/head_set.h"
#include "headwise/model.h"

namespace headwise {

// Matrices trained as a whole are written as factors of full rank: identity times change.
Status write_adapter(const std::filesystem::path& folder, const TrainingModel& model,
                     const std::string& base_name);

struct CardRow {
  std::string name;
  std::string value;
};
struct ModelCard {
  std::string base_model;  // its name
  std::string base_fingerprint;
  std::vector<std::string> data;  // a line a source
  std::vector<CardRow> settings;  // all of them
  std::vector<CardRow> figures;
  bool teacher = false;  // trained on a teacher's scores: our addition to the paper's method
};
// Markdown with the YAML header that PEFT's own cards have.
std::string format_model_card(const ModelCard& card);

}  // namespace headwise
