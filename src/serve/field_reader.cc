// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/field_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "formats/printable.h"

namespace headwise::serve {
namespace {

// What pydantic reads as a flag (its documentation, "Conversion Table").
struct FlagWord {
  std::string_view word;
  bool value;
};
constexpr std::array<FlagWord, 12> kFlagWords{{{"true", true},
                                               {"false", false},
                                               {"1", true},
                                               {"0", false},
                                               {"yes", true},
                                               {"no", false},
                                               {"on", true},
                                               {"off", false},
                                               {"t", true},
                                               {"f", false},
                                               {"y", true},
                                               {"n", false}}};

std::optional<bool> flag_in(const ParsedJson& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) {
    const auto number = value.get<double>();
    if (number == 0.0 || number == 1.0) return number == 1.0;
    return std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  for (const FlagWord& row : kFlagWords) {
    if (same_but_for_case(row.word, text)) return row.value;
  }
  return std::nullopt;
}

// What stands there, for messages.
std::string found_in(const ParsedJson& value) {
  constexpr size_t kLongest = 40;
  if (value.is_string()) return printable(value.get_ref<const std::string&>(), kLongest);
  return value.is_number() ? value.dump() : kind_of(value);
}

}  // namespace

std::optional<double> number_in(const ParsedJson& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& whole = value.get_ref<const std::string&>();
  std::string_view text = whole;
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  double number = 0.0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string kind_of(const ParsedJson& value) {
  switch (value.type()) {
    case ParsedJson::value_t::null:
      return "null";
    case ParsedJson::value_t::object:
      return "an object";
    case ParsedJson::value_t::array:
      return "a list";
    case ParsedJson::value_t::string:
      return "a string";
    case ParsedJson::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    default:
      return "a number";
  }
}

const ParsedJson* given_member(const ParsedJson& body, const char* name) {
  if (!body.is_object()) return nullptr;
  const auto found = body.find(name);
  return found == body.end() || found->is_null() ? nullptr : &*found;
}

FieldReader::FieldReader(const ParsedJson& body, std::string where) : body_(body), where_(std::move(where)) {
  if (!body_.is_object()) {
    complain((where_.empty() ? "the body" : "\"" + where_.substr(0, where_.size() - 1) + "\"") +
             " must be an object, found " + kind_of(body_));
  }
}

void FieldReader::complain(const std::string& message, ErrorCode code) {
  if (status_) status_ = fail(code, message);
}

std::string FieldReader::optional_text(const char* name) {
  const ParsedJson* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    complain(name_of(name) + " must be a string, found " + kind_of(*value));
    return {};
  }
  return value->get<std::string>();
}

std::optional<bool> FieldReader::optional_flag(const char* name) {
  const ParsedJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<bool> flag = flag_in(*value);
  if (!flag) complain(name_of(name) + " must be true or false, found " + found_in(*value));
  return flag;
}

std::optional<int64_t> FieldReader::optional_integer(const char* name, int64_t low, int64_t high) {
  const ParsedJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = number_in(*value);
  if (!number || std::trunc(*number) != *number) {
    complain(name_of(name) + " must be a whole number, found " + found_in(*value));
    return std::nullopt;
  }
  if (*number < static_cast<double>(low)) {
    complain(name_of(name) + " must be at least " + std::to_string(low) + ", found " + found_in(*value));
    return std::nullopt;
  }
  if (*number >= static_cast<double>(high)) return high;
  // A seed may have more bits than a floating-point number keeps.
  return value->is_number_integer() ? value->get<int64_t>() : static_cast<int64_t>(*number);
}

std::optional<double> FieldReader::optional_number(const char* name) {
  const ParsedJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = number_in(*value);
  if (!number) complain(name_of(name) + " must be a number, found " + found_in(*value));
  return number;
}

}  // namespace headwise::serve
