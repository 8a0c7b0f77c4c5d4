// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what was left out as JSON: a list of {"reason", "files", "examples"}, as answers and the
// index of `search` have it.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "formats/left_out.h"

namespace headwise {

nlohmann::ordered_json left_out_json(const LeftOut& left_out);
// Nothing is left out in what is no such list, or of a reason that is not known.
LeftOut parse_left_out(std::string_view json);

}  // namespace headwise
