// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: which modules an adapter says that it changes: "target_modules" of adapter_config.json,
// with "exclude_modules", "layers_to_transform" and "layers_pattern", as PEFT 0.21 reads them
// (check_target_module_exists of tuners/tuners_utils.py). PEFT leaves out what the file holds beside them, so
// what disagrees with the file is an error of it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "tokenizer/regex.h"

namespace headwise {

// Modules by name ("q_proj", "mlp.up_proj", "model.layers.3.self_attn.q_proj"), or all that a pattern matches
// as a whole.
struct ModuleNames {
  std::vector<std::string> names;
  std::optional<Regex> pattern;
  std::string source;  // the pattern as it is written

  bool none() const { return names.empty() && !pattern; }
  // kResourceLimit for a pattern that never ends.
  Result<bool> have(const std::string& module) const;
};
// Whether a list's name is this module's: the whole of it, or the end from a dot on.
bool names_module(const std::string& name, const std::string& module);

struct AdapterTargets {
  bool all = true;  // "all-linear", or nothing is said
  ModuleNames included;
  ModuleNames excluded;
  std::vector<int64_t> layers;  // none: any
  bool layers_are_ours = true;  // "layers_pattern" finds the number in "model.layers.3."

  Result<bool> include(const std::string& module, int64_t layer) const;
};
// "'r' should be a whole number from 1 to 4096, found 0".
tl::unexpected<Error> wrong_adapter_member(const char* key, const char* expected,
                                           const nlohmann::ordered_json& found);

// kInvalidInput for members of another type and patterns that are none.
Result<AdapterTargets> parse_adapter_targets(const nlohmann::ordered_json& config);

}  // namespace headwise
