// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/hf_keys.h"

#include <cmath>

#include "base/check.h"
#include "formats/printable.h"

namespace headwise::hf {

std::string show(const Json& value) {
  return printable(value.dump(-1, ' ', true, Json::error_handler_t::replace), 60);
}

const Json* find(const Json& object, std::string_view key) {
  auto found = object.find(key);
  return found != object.end() && !found->is_null() ? &*found : nullptr;
}

tl::unexpected<Error> wrong_type(std::string_view key, std::string_view expected, const Json& found) {
  return fail(ErrorCode::kInvalidInput,
              "key '" + std::string(key) + "': expected " + std::string(expected) + ", found " + show(found));
}

Result<double> real(const Json& object, std::string_view key, std::optional<double> fallback) {
  const Json* value = find(object, key);
  if (value == nullptr && fallback) return *fallback;
  if (value == nullptr) return fail(ErrorCode::kInvalidInput, "key '" + std::string(key) + "' is missing");
  if (!value->is_number()) return wrong_type(key, "a number", *value);
  return value->get<double>();
}

Result<int64_t> integer(const Json& object, std::string_view key, std::optional<int64_t> fallback) {
  const Json* value = find(object, key);
  if (value == nullptr && fallback) return *fallback;
  auto number = real(object, key, std::nullopt);
  HW_RETURN_IF_ERROR(number);
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!(std::fabs(*number) <= kExact) || *number != std::floor(*number)) {
    return wrong_type(key, "a whole number", *value);
  }
  return static_cast<int64_t>(*number);
}

Result<bool> boolean(const Json& object, std::string_view key, bool fallback) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return wrong_type(key, "true or false", *value);
  return value->get<bool>();
}

std::string text(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace headwise::hf
