// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: bodies read and written. Parsed values keep their members in a sorted map: the ordered
// kind looks a name up by walking, which a hostile body with a million names would turn into minutes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise::serve {

using Json = nlohmann::ordered_json;  // written
using ParsedJson = nlohmann::json;    // read

inline constexpr int kMaxDepth = 16;  // of brackets; no dialect needs more than four

// kInvalidInput, saying at which byte and why: not JSON, not UTF-8 (a lone surrogate), nested too deep.
Result<ParsedJson> parse_body(std::string_view text);

// One line; bytes that are not UTF-8 become U+FFFD. Numbers keep every bit.
inline std::string json_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace headwise::serve
