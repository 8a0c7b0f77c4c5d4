// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/adapter_targets.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/ascii.h"
#include "base/check.h"

namespace headwise {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr size_t kLongestPattern = 4096;  // tools write long ones here
constexpr const char* kAllLinear = "all-linear";

// A pattern for the whole of a text. Python's named groups are written otherwise here.
Result<Regex> whole_pattern(const char* key, std::string pattern) {
  if (pattern.size() > kLongestPattern) {
    return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' is a pattern of " +
                                              std::to_string(pattern.size()) + " characters; at most " +
                                              std::to_string(kLongestPattern) + " are read");
  }
  const std::string shown = pattern.substr(0, 60);
  for (size_t at = 0; (at = pattern.find("(?P<", at)) != std::string::npos; ++at) pattern.erase(at + 2, 1);
  auto compiled = Regex::compile("\\A(?:" + pattern + ")\\z");
  if (compiled) return compiled;
  return fail(ErrorCode::kInvalidInput,
              "'" + std::string(key) + "' is '" + shown + "', which is no regular expression");
}

// A list of names, or one pattern.
Status read_names(const OrderedJson& value, const char* key, ModuleNames& modules) {
  if (value.is_null()) return {};
  if (value.is_string()) {
    modules.source = value.get<std::string>();
    if (modules.source.empty()) return {};
    auto pattern = whole_pattern(key, modules.source);
    HW_RETURN_IF_ERROR(pattern);
    modules.pattern = std::move(*pattern);
    return {};
  }
  if (!value.is_array()) return wrong_adapter_member(key, "a list of modules' names or a pattern", value);
  for (const OrderedJson& name : value) {
    if (!name.is_string()) return wrong_adapter_member(key, "a list of modules' names", name);
    modules.names.push_back(name.get<std::string>());
  }
  return {};
}

Status read_layers(const OrderedJson& value, std::vector<int64_t>& layers) {
  constexpr const char* kKey = "layers_to_transform";
  constexpr const char* kExpected = "a layer's number or a list of them";
  if (value.is_null()) return {};
  const auto is_layer = [](const OrderedJson& number) {
    return number.is_number_integer() && number.get<double>() >= 0 && number.get<double>() < 1e6;
  };
  if (is_layer(value)) {
    layers.push_back(value.get<int64_t>());
    return {};
  }
  if (!value.is_array()) return wrong_adapter_member(kKey, kExpected, value);
  for (const OrderedJson& number : value) {
    if (!is_layer(number)) return wrong_adapter_member(kKey, kExpected, number);
    layers.push_back(number.get<int64_t>());
  }
  return {};
}

}  // namespace

tl::unexpected<Error> wrong_adapter_member(const char* key, const char* expected, const OrderedJson& found) {
  return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' should be " + expected + ", found " +
                                            (found.is_null() ? "nothing" : found.dump().substr(0, 60)));
}

bool names_module(const std::string& name, const std::string& module) {
  return module == name || module.ends_with("." + name);
}

Result<bool> ModuleNames::have(const std::string& module) const {
  if (!pattern) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return names_module(name, module); });
  }
  std::vector<Span> found;
  if (!pattern->find_all(module, found)) {
    return fail(ErrorCode::kResourceLimit, "the pattern '" + source.substr(0, 60) +
                                               "' takes too long to match '" + module +
                                               "'; simpler ones, without stars inside stars, do not");
  }
  return !found.empty();
}

Result<bool> AdapterTargets::include(const std::string& module, int64_t layer) const {
  const auto out = excluded.have(module);
  HW_RETURN_IF_ERROR(out);
  if (*out) return false;
  const auto in = all ? Result<bool>(true) : included.have(module);
  HW_RETURN_IF_ERROR(in);
  if (!*in || layers.empty()) return *in;
  return layers_are_ours && std::find(layers.begin(), layers.end(), layer) != layers.end();
}

Result<AdapterTargets> parse_adapter_targets(const OrderedJson& config) {
  const auto member = [&](const char* key) {
    const auto found = config.find(key);
    return found == config.end() ? OrderedJson() : *found;
  };
  AdapterTargets targets;
  const OrderedJson wanted = member("target_modules");
  const bool shorthand = wanted.is_string() && lower_ascii(wanted.get<std::string>()) == kAllLinear;
  if (!shorthand) HW_RETURN_IF_ERROR(read_names(wanted, "target_modules", targets.included));
  targets.all = targets.included.none();
  HW_RETURN_IF_ERROR(read_names(member("exclude_modules"), "exclude_modules", targets.excluded));
  HW_RETURN_IF_ERROR(read_layers(member("layers_to_transform"), targets.layers));
  ModuleNames containers;  // each a pattern of its own
  if (OrderedJson patterns = member("layers_pattern"); !patterns.is_null()) {
    if (patterns.is_string()) patterns = OrderedJson::array({patterns});
    HW_RETURN_IF_ERROR(read_names(patterns, "layers_pattern", containers));
  }
  if (containers.names.empty()) return targets;
  targets.layers_are_ours = false;
  for (const std::string& name : containers.names) {
    auto pattern = whole_pattern("layers_pattern", name);
    HW_RETURN_IF_ERROR(pattern);
    std::vector<Span> found;
    HW_RETURN_IF_ERROR(pattern->find_all("layers", found));
    targets.layers_are_ours = targets.layers_are_ours || !found.empty() || name.empty();
  }
  return targets;
}

}  // namespace headwise
