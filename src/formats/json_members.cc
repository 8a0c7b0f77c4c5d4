// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/json_members.h"

namespace headwise {
namespace {

tl::unexpected<Error> wrong(const char* name, const std::string& expected) {
  return fail(ErrorCode::kInvalidInput, "'" + std::string(name) + "' must be " + expected);
}

// Null where the object lacks it.
const nlohmann::json& member(const nlohmann::json& object, const char* name) {
  static const nlohmann::json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

}  // namespace

Status check_format(const nlohmann::json& json, const char* format, int version, const char* made_by) {
  if (member(json, "format") != format) {
    return fail(ErrorCode::kInvalidInput,
                "expected \"format\": \"" + std::string(format) + "\"; " + made_by + " writes such files");
  }
  if (member(json, "version") != version) {
    return fail(ErrorCode::kInvalidInput, "expected version " + std::to_string(version));
  }
  return {};
}

Result<std::string> text_member(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = member(object, name);
  if (!value.is_string()) return wrong(name, "a text");
  return value.get<std::string>();
}

Result<int> count_member(const nlohmann::json& object, const char* name, int least, int most) {
  const nlohmann::json& value = member(object, name);
  // A large unsigned number does not fit int64_t: compared as it is.
  const bool fits = value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(most) &&
                    value.get<uint64_t>() >= static_cast<uint64_t>(least);
  if (!fits)
    return wrong(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return value.get<int>();
}

Result<double> number_member(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = member(object, name);
  if (!value.is_number()) return wrong(name, "a number");
  return value.get<double>();
}

}  // namespace headwise
