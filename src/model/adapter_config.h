// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: adapter_config.json as PEFT writes it: rank and scale of each factor, by patterns over
// the names of modules. Source: PEFT 0.21. What it is not: the factors (adapter.h).
//
// Errors: kInvalidInput for a damaged file, kUnsupported names the feature (DoRA, modules_to_save, ...).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "model/adapter_targets.h"
#include "tokenizer/regex.h"

namespace headwise {

// A regular expression that matches the end of a module's name, as PEFT reads it.
template <typename T>
struct ModulePattern {
  std::string pattern;
  Regex matcher;
  T value;
};

struct AdapterConfig {
  int64_t rank = 0;
  double alpha = 0.0;
  bool rank_stabilised = false;
  std::string base_model;  // "base_model_name_or_path": a note of PEFT's, empty where it is none
  // The first that matches counts, in the order of the file.
  std::vector<ModulePattern<int64_t>> rank_patterns;
  std::vector<ModulePattern<double>> alpha_patterns;
  AdapterTargets targets;  // the modules that it says it changes

  // `module` as in "model.layers.3.self_attn.q_proj". kResourceLimit for a pattern that never ends.
  Result<int64_t> rank_of(const std::string& module) const;
  Result<double> alpha_of(const std::string& module) const;
};
Result<AdapterConfig> parse_adapter_config(std::string_view json);

}  // namespace headwise
