// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/adapter_config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/check.h"
#include "formats/json_text.h"

namespace headwise {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxRank = 4096;
constexpr size_t kMaxPattern = 200;

// Members of adapter_config.json that change the mathematics and that we do not do: any value but null,
// false, "none", an empty list or an empty object is refused by name.
constexpr const char* kRefused[] = {"use_dora",
                                    "modules_to_save",
                                    "bias",
                                    "fan_in_fan_out",
                                    "lora_bias",
                                    "layer_replication",
                                    "target_parameters",
                                    "use_qalora",
                                    "use_bdlora",
                                    "alora_invocation_tokens",
                                    "trainable_token_indices"};

bool says_nothing(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_string()) return value == "none";
  return (value.is_array() || value.is_object()) && value.empty();
}

tl::unexpected<Error> wrong_member(const char* key, const char* expected, const Json& found) {
  return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' should be " + expected + ", found " +
                                            (found.is_null() ? "nothing" : found.dump().substr(0, 60)));
}

bool is_rank(const Json& value) {
  return value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= kMaxRank;
}
bool is_alpha(const Json& value) { return value.is_number() && std::isfinite(value.get<double>()); }

template <typename T>
Status read_patterns(const Json& config, const char* key, bool (*valid)(const Json&), const char* expected,
                     std::vector<std::pair<std::string, T>>& patterns) {
  const Json* object = first_member(config, {key});
  if (object == nullptr) return {};
  if (!object->is_object()) return wrong_member(key, "an object", *object);
  for (const auto& [pattern, value] : object->items()) {
    if (!valid(value)) return wrong_member(key, expected, value);
    if (pattern.size() > kMaxPattern) {
      return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' has a pattern of " +
                                                std::to_string(pattern.size()) + " characters; at most " +
                                                std::to_string(kMaxPattern) + " are read");
    }
    patterns.emplace_back(pattern, value.template get<T>());
  }
  return {};
}

// PEFT: re.match(rf"(.*\.)?({key})$", module), the first that matches.
template <typename T>
Result<T> by_pattern(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module,
                     T otherwise) {
  for (const auto& [pattern, value] : patterns) {
    try {
      if (std::regex_match(module, std::regex("(.*\\.)?(" + pattern + ")"))) return value;
    } catch (const std::regex_error& error) {
      return fail(ErrorCode::kInvalidInput,
                  "the pattern '" + pattern + "' is no regular expression: " + error.what());
    }
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
  auto parsed = parse_json(text);
  HW_RETURN_IF_ERROR(parsed);
  const Json& json = *parsed;
  if (!json.is_object()) return fail(ErrorCode::kInvalidInput, "expected a JSON object");
  const auto member = [&](const char* key) {
    const Json* found = first_member(json, {key});
    return found == nullptr ? Json() : *found;
  };
  if (const Json type = member("peft_type"); type != "LORA") {
    if (!type.is_string()) return wrong_member("peft_type", "\"LORA\"", type);
    return fail(ErrorCode::kUnsupported, "the adapter is of PEFT type " + type.dump().substr(0, 60) +
                                             "; LORA is what this build merges");
  }
  for (const char* key : kRefused) {
    if (const Json value = member(key); !says_nothing(value)) {
      return fail(ErrorCode::kUnsupported, "the adapter uses '" + std::string(key) + "' (" +
                                               value.dump().substr(0, 60) +
                                               "), which this build does not merge");
    }
  }
  AdapterConfig config;
  if (const Json rank = member("r"); is_rank(rank)) {
    config.rank = rank.get<int64_t>();
  } else {
    return wrong_member("r", "a whole number from 1 to 4096", rank);
  }
  if (const Json alpha = member("lora_alpha"); is_alpha(alpha)) {
    config.alpha = alpha.get<double>();
  } else {
    return wrong_member("lora_alpha", "a number", alpha);
  }
  const Json stabilised = member("use_rslora");
  if (!stabilised.is_null() && !stabilised.is_boolean()) {
    return wrong_member("use_rslora", "true or false", stabilised);
  }
  config.rank_stabilised = stabilised.is_boolean() && stabilised.get<bool>();
  if (const Json base = member("base_model_name_or_path"); base.is_string())
    config.base_model = base.get<std::string>();
  HW_RETURN_IF_ERROR(read_patterns(json, "rank_pattern", is_rank, "whole numbers from 1 to 4096 by pattern",
                                   config.rank_patterns));
  HW_RETURN_IF_ERROR(
      read_patterns(json, "alpha_pattern", is_alpha, "numbers by pattern", config.alpha_patterns));
  return config;
}

}  // namespace headwise
