// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// JSON read without exceptions leaving, and the flat view of one JSONL record that collections need. The JSON
// library stays inside src/formats.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// kInvalidInput with the parser's own words when the text is not one JSON value.
Result<nlohmann::json> parse_json(std::string_view text);
// The same, where the order of members matters.
Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text);

// Parses the values of a JSONL text, of a JSON array, or a single JSON value, and hands each to `use` with
// the line it starts on (JSONL) or its number (array, single). Errors name `source` and that place.
struct JsonPlace {
  std::string_view source;
  size_t number = 0;
  bool is_line = true;
  tl::unexpected<Error> fail(std::string_view message) const;
};
using JsonUser = std::function<Status(const nlohmann::json& value, const JsonPlace& place)>;
Status for_each_json(std::string_view text, std::string_view source, const JsonUser& use);

// The first member of `object` that is there and not null, or null.
const nlohmann::json* first_member(const nlohmann::json& object, std::initializer_list<const char*> keys);
// A string, or an integer as text; nothing for anything else.
std::optional<std::string> id_text(const nlohmann::json& value);

}  // namespace headwise
