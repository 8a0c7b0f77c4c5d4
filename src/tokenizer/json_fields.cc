// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "tokenizer/json_fields.h"

#include <algorithm>

#include "base/check.h"

namespace headwise {
namespace {

const nlohmann::json kNull;

}  // namespace

Status JsonNode::only_keys(const std::vector<std::string_view>& known) const {
  HW_RETURN_IF_ERROR(expect_object());
  for (const auto& [key, ignored] : value.items()) {
    if (std::ranges::find(known, key) == known.end()) {
      return fail(ErrorCode::kUnsupported,
                  path + ": the key \"" + key.substr(0, 64) + "\" is not one that this version understands");
    }
  }
  return {};
}

JsonNode JsonNode::at(std::string_view key) const {
  const std::string inner = path.empty() ? std::string(key) : path + "." + std::string(key);
  if (!value.is_object()) return {kNull, inner};
  const auto found = value.find(key);
  return {found == value.end() ? kNull : *found, inner};
}

JsonNode JsonNode::at(size_t index) const {
  const std::string inner = path + "[" + std::to_string(index) + "]";
  if (!value.is_array() || index >= value.size()) return {kNull, inner};
  return {value[index], inner};
}

Result<std::string> JsonNode::text() const {
  if (!value.is_string()) return mistake("a string");
  return value.get_ref<const std::string&>();
}

Result<bool> JsonNode::boolean(bool when_null) const {
  if (value.is_null()) return when_null;
  if (!value.is_boolean()) return mistake("true or false");
  return value.get<bool>();
}

Result<int64_t> JsonNode::integer() const {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX})) {
    return mistake("a whole number");
  }
  return value.get<int64_t>();
}

Status JsonNode::expect_array() const {
  if (!value.is_array()) return mistake("an array");
  return {};
}

Status JsonNode::expect_object() const {
  if (!value.is_object()) return mistake("an object");
  return {};
}

tl::unexpected<Error> JsonNode::mistake(std::string_view expected) const {
  std::string found(value.type_name());
  if (value.is_primitive()) {
    found = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 64);
  }
  return fail(ErrorCode::kInvalidInput, path + ": expected " + std::string(expected) + ", found " + found);
}

}  // namespace headwise
