// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// One record of a collection (a document, a query, a passage) read from its JSON line without building a
// tree: a large corpus is mostly lines that nobody asked for, and those are left as soon as their id is
// known.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headwise/dataset.h"
#include "headwise/error.h"

namespace headwise {

// What each member is called: formats/record_names.h. A text that is null is there and empty.
struct JsonRecord {
  std::optional<std::string> id;
  std::string title;
  std::optional<std::string> text;
};

// Nothing when `wanted` is given and the record's id is not among them. kInvalidInput, without a place,
// otherwise.
Result<std::optional<JsonRecord>> parse_json_record(std::string_view line,
                                                    const std::optional<IdSet>& wanted);

}  // namespace headwise
