// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a list of heads as JSON, ["13-6", "17-0"]: as head sets, labels and routers write it.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/head_selection.h"

namespace headwise {

// kInvalidInput, naming `name`, for anything but an array with at least one head.
Result<std::vector<HeadId>> parse_head_list(const nlohmann::json& json, const std::string& name);
nlohmann::ordered_json head_list_json(std::span<const HeadId> heads);

}  // namespace headwise
