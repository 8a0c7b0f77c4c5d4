// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/adapter_config.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"
#include "formats/json_text.h"

namespace headwise {
namespace {

// The first pattern that matches counts, in the order of the file.
using OrderedJson = nlohmann::ordered_json;

constexpr int64_t kMaxRank = 4096;
constexpr size_t kMaxPattern = 200;

// Members that say nothing about what a trained adapter adds, or that are read below. Every other member is
// refused by name unless it says nothing: PEFT grows a new kind of LoRA with almost every release.
constexpr std::string_view kHarmless[] = {"peft_type",         "r",
                                          "lora_alpha",        "use_rslora",
                                          "rank_pattern",      "alpha_pattern",
                                          "init_lora_weights", "base_model_name_or_path",
                                          "revision",          "peft_version",
                                          "task_type",         "auto_mapping",
                                          "inference_mode",    "target_modules",
                                          "exclude_modules",   "layers_to_transform",
                                          "layers_pattern",    "lora_dropout",
                                          "loftq_config",      "eva_config",
                                          "corda_config",      "lora_ga_config",
                                          "qalora_group_size", "megatron_core",
                                          "runtime_config"};

// Ways to start the training that leave the base model's weights alone. With all others (PiSSA, OLoRA, CorDA,
// LoftQ, LoRA-GA) the factors go with a base model that PEFT changes again at every load.
constexpr std::string_view kInitials[] = {"gaussian", "eva", "mica", "orthogonal"};

bool says_nothing(const OrderedJson& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_string()) return value == "none";
  return (value.is_array() || value.is_object()) && value.empty();
}

template <size_t n>
bool is_among(const std::string_view (&words)[n], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

Status check_initial_weights(const OrderedJson& value) {
  if (value.is_null() || value.is_boolean()) return {};
  const std::string word = value.is_string() ? value.get<std::string>() : value.dump();
  if (is_among(kInitials, lower_ascii(word))) return {};
  return fail(ErrorCode::kUnsupported,
              "'init_lora_weights' is " + value.dump().substr(0, 60) +
                  ": such an adapter goes with a changed base model; convert it to a plain one (PEFT: "
                  "save_pretrained with path_initial_model_for_weight_conversion) or merge it into its base");
}

bool is_rank(const OrderedJson& value) {
  return value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= kMaxRank;
}
bool is_alpha(const OrderedJson& value) { return value.is_number() && std::isfinite(value.get<double>()); }

template <typename T>
Status read_patterns(const OrderedJson& object, const char* key, bool (*valid)(const OrderedJson&),
                     const char* expected, std::vector<ModulePattern<T>>& patterns) {
  if (object.is_null()) return {};
  if (!object.is_object()) return wrong_adapter_member(key, "an object", object);
  for (auto at = object.begin(); at != object.end(); ++at) {
    const std::string& pattern = at.key();
    const OrderedJson& value = *at;
    if (!valid(value)) return wrong_adapter_member(key, expected, value);
    if (pattern.size() > kMaxPattern) {
      return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' has a pattern of " +
                                                std::to_string(pattern.size()) + " characters; at most " +
                                                std::to_string(kMaxPattern) + " are read");
    }
    // PEFT: re.match(rf"(.*\.)?({key})$", module).
    auto compiled = Regex::compile("\\A(.*\\.)?(" + pattern + ")\\z");
    if (!compiled) {
      return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' has the pattern '" + pattern +
                                                "', which is no regular expression");
    }
    patterns.push_back({pattern, std::move(*compiled), value.template get<T>()});
  }
  return {};
}

template <typename T>
Result<T> by_pattern(const std::vector<ModulePattern<T>>& patterns, const std::string& module, T otherwise) {
  for (const ModulePattern<T>& row : patterns) {
    std::vector<Span> found;
    if (!row.matcher.find_all(module, found)) {
      return fail(ErrorCode::kResourceLimit, "the pattern '" + row.pattern + "' takes too long to match '" +
                                                 module +
                                                 "'; simpler ones, without stars inside stars, do not");
    }
    if (!found.empty()) return row.value;
  }
  return otherwise;
}

}  // namespace

Result<int64_t> AdapterConfig::rank_of(const std::string& module) const {
  return by_pattern(rank_patterns, module, rank);
}

Result<double> AdapterConfig::alpha_of(const std::string& module) const {
  return by_pattern(alpha_patterns, module, alpha);
}

Result<AdapterConfig> parse_adapter_config(std::string_view text) {
  auto parsed = parse_ordered_json(text);
  HW_RETURN_IF_ERROR(parsed);
  const OrderedJson& json = *parsed;
  if (!json.is_object()) return fail(ErrorCode::kInvalidInput, "expected a JSON object");
  const auto member = [&](const char* key) {
    const auto found = json.find(key);
    return found == json.end() ? OrderedJson() : *found;
  };
  if (const OrderedJson type = member("peft_type"); type != "LORA") {
    if (!type.is_string()) return wrong_adapter_member("peft_type", "\"LORA\"", type);
    return fail(ErrorCode::kUnsupported, "the adapter is of PEFT type " + type.dump().substr(0, 60) +
                                             "; LORA is what this build merges");
  }
  HW_RETURN_IF_ERROR(check_initial_weights(member("init_lora_weights")));
  for (auto at = json.begin(); at != json.end(); ++at) {
    if (is_among(kHarmless, at.key()) || says_nothing(*at)) continue;
    return fail(ErrorCode::kUnsupported, "the adapter uses '" + at.key().substr(0, 60) + "' (" +
                                             at->dump().substr(0, 60) + "), which this build does not merge");
  }
  AdapterConfig config;
  if (const OrderedJson rank = member("r"); is_rank(rank)) {
    config.rank = rank.get<int64_t>();
  } else {
    return wrong_adapter_member("r", "a whole number from 1 to 4096", rank);
  }
  if (const OrderedJson alpha = member("lora_alpha"); is_alpha(alpha)) {
    config.alpha = alpha.get<double>();
  } else {
    return wrong_adapter_member("lora_alpha", "a number", alpha);
  }
  const OrderedJson stabilised = member("use_rslora");
  if (!stabilised.is_null() && !stabilised.is_boolean()) {
    return wrong_adapter_member("use_rslora", "true or false", stabilised);
  }
  config.rank_stabilised = stabilised.is_boolean() && stabilised.get<bool>();
  if (const OrderedJson base = member("base_model_name_or_path"); base.is_string())
    config.base_model = base.get<std::string>();
  HW_RETURN_IF_ERROR(read_patterns(member("rank_pattern"), "rank_pattern", is_rank,
                                   "whole numbers from 1 to 4096 by pattern", config.rank_patterns));
  HW_RETURN_IF_ERROR(read_patterns(member("alpha_pattern"), "alpha_pattern", is_alpha, "numbers by pattern",
                                   config.alpha_patterns));
  auto targets = parse_adapter_targets(json);
  HW_RETURN_IF_ERROR(targets);
  config.targets = std::move(*targets);
  return config;
}

}  // namespace headwise
