// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: members of a JSON object by name, checked: how our own files (labels, routers) are read.
// Every error is kInvalidInput and names the member and what it should be.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "headwise/error.h"

namespace headwise {

// That `json` is an object with "format" and "version" as given; `made_by` says what writes such files.
Status check_format(const nlohmann::json& json, const char* format, int version, const char* made_by);

Result<std::string> text_member(const nlohmann::json& object, const char* name);
Result<int> count_member(const nlohmann::json& object, const char* name, int least, int most);
Result<double> number_member(const nlohmann::json& object, const char* name);

}  // namespace headwise
