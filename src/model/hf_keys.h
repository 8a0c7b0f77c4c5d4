// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the keys of a config.json, each with its type and what holds when it is missing.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise::hf {

using Json = nlohmann::json;

// A value in a message.
std::string show(const Json& value);

// The value of `key`, or null when it is missing or JSON null.
const Json* find(const Json& object, std::string_view key);

// The key's number, in any spelling (32, 32.0), or `fallback` where it is missing or null; an error when
// there is no fallback, or the value is of another type.
Result<double> real(const Json& object, std::string_view key, std::optional<double> fallback);
Result<int64_t> integer(const Json& object, std::string_view key, std::optional<int64_t> fallback);
Result<bool> boolean(const Json& object, std::string_view key, bool fallback);
// Empty where it is no text.
std::string text(const Json& object, std::string_view key);

tl::unexpected<Error> wrong_type(std::string_view key, std::string_view expected, const Json& found);

}  // namespace headwise::hf
