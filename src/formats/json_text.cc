// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/json_text.h"

#include <optional>

#include "formats/text_lines.h"

namespace headwise {
namespace {

// "[json.exception.parse_error.101] parse error at line 1, column 5: ..." -> "parse error at ...".
std::string plain_words(std::string_view what) {
  size_t end = what.find("] ");
  return std::string(end == std::string_view::npos ? what : what.substr(end + 2));
}

template <typename Json>
Result<Json> parse_as(std::string_view text) {
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& problem) {
    return fail(ErrorCode::kInvalidInput, plain_words(problem.what()));
  }
}

Status use_whole(std::string_view text, std::string_view source, const JsonUser& use) {
  Result<nlohmann::json> value = parse_json(text);
  if (!value) return fail(ErrorCode::kInvalidInput, std::string(source) + ": " + value.error().message());
  if (!value->is_array()) return use(*value, {source, 1, false});
  size_t number = 0;
  for (const nlohmann::json& item : *value) {
    Status used = use(item, {source, ++number, false});
    if (!used) return used;
  }
  return {};
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) { return parse_as<nlohmann::json>(text); }

Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text) {
  return parse_as<nlohmann::ordered_json>(text);
}

tl::unexpected<Error> JsonPlace::fail(std::string_view message) const {
  if (is_line) return fail_at_line(source, number, message);
  return headwise::fail(ErrorCode::kInvalidInput, std::string(source) + ": item " + std::to_string(number) +
                                                      ": " + std::string(message));
}

Status for_each_json(std::string_view text, std::string_view source, const JsonUser& use) {
  LineReader lines(text);
  std::optional<TextLine> line = lines.next_filled();
  if (!line) return {};
  // One value spread over several lines, or an array: the first line is no record by itself.
  const bool array = line->text.find_first_not_of(" \t") == line->text.find('[');
  if (array || (!nlohmann::json::accept(line->text.begin(), line->text.end()) &&
                nlohmann::json::accept(without_byte_order_mark(text)))) {
    return use_whole(without_byte_order_mark(text), source, use);
  }
  for (; line; line = lines.next_filled()) {
    Result<nlohmann::json> value = parse_json(line->text);
    if (!value) return fail_at_line(source, line->number, value.error().message());
    Status used = use(*value, {source, line->number, true});
    if (!used) return used;
  }
  return {};
}

const nlohmann::json* first_member(const nlohmann::json& object, std::initializer_list<const char*> keys) {
  if (!object.is_object()) return nullptr;
  for (const char* key : keys) {
    auto member = object.find(key);
    if (member != object.end() && !member->is_null()) return &*member;
  }
  return nullptr;
}

std::optional<std::string> id_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  return std::nullopt;
}

}  // namespace headwise
