// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: typed reading of the fields of a JSON object, with errors that say where. What it is
// not: a JSON parser (nlohmann/json).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

// An object of a tokenizer file and its place there ("pre_tokenizer.pretokenizers[1]").
struct JsonNode {
  const nlohmann::json& value;
  std::string path;

  // kInvalidInput when this is not an object; kUnsupported, naming the key, when it has a key not in `known`.
  Status only_keys(const std::vector<std::string_view>& known) const;
  // The member, or a null value when it is missing.
  JsonNode at(std::string_view key) const;
  JsonNode at(size_t index) const;
  bool is_null() const { return value.is_null(); }

  Result<std::string> text() const;            // kInvalidInput when not a string
  Result<bool> boolean(bool when_null) const;  // kInvalidInput when neither a boolean nor null
  Result<int64_t> integer() const;             // kInvalidInput when not a whole number of 64 bits
  Status expect_array() const;
  Status expect_object() const;
  // "normalizer.type: expected a string, found 7".
  tl::unexpected<Error> mistake(std::string_view expected) const;
};

}  // namespace headwise
