// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/json_record.h"

#include <array>
#include <nlohmann/json.hpp>

#include "formats/text_lines.h"

namespace headwise {
namespace {

using nlohmann::json;

enum class Field { kOther, kId, kTitle, kText };

struct FieldName {
  std::string_view key;
  Field field;
};
constexpr std::array<FieldName, 7> kFields{{
    {"_id", Field::kId},
    {"id", Field::kId},
    {"docid", Field::kId},
    {"doc_id", Field::kId},
    {"title", Field::kTitle},
    {"text", Field::kText},
    {"contents", Field::kText},
}};

// Keeps the members of the outermost object; returning false ends the parse.
class RecordReader final : public nlohmann::json_sax<json> {
 public:
  explicit RecordReader(const std::optional<IdSet>& wanted) : wanted_(wanted) {}

  JsonRecord record;
  std::string problem;
  bool unwanted = false;

  bool null() override { return other(); }
  bool boolean(bool) override { return wrong_type("true or false"); }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t&) override { return wrong_type("a fraction"); }
  bool binary(binary_t&) override { return other(); }
  bool start_object(std::size_t) override { return open("an object"); }
  bool start_array(std::size_t) override { return open("a list"); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    field_ = Field::kOther;
    if (depth_ != 1) return true;
    for (const FieldName& row : kFields) {
      if (row.key == name) field_ = row.field;
    }
    name_ = name;
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ == 0) return not_an_object();
    if (depth_ != 1) return true;
    switch (field_) {
      case Field::kId:
        return keep_id(std::move(value));
      case Field::kTitle:
        record.title = std::move(value);
        break;
      case Field::kText:
        record.text = std::move(value);
        break;
      case Field::kOther:
        break;
    }
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    std::string_view what = error.what();
    size_t end = what.find("] ");
    problem = what.substr(end == std::string_view::npos ? 0 : end + 2);
    return false;
  }

 private:
  bool other() { return depth_ > 0 || not_an_object(); }
  bool not_an_object() {
    problem = "expected a JSON object";
    return false;
  }
  bool number(std::string digits) {
    if (depth_ == 1 && field_ == Field::kId) return keep_id(std::move(digits));
    return wrong_type("a number");
  }
  bool open(const char* what) {
    if (depth_ == 0 && what[3] == 'o') return ++depth_ > 0;
    if (!wrong_type(what)) return false;
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }
  // Members we do not know may hold anything; those we know hold text.
  bool wrong_type(const char* found) {
    if (depth_ == 0) return not_an_object();
    if (depth_ > 1 || field_ == Field::kOther) return true;
    problem = "expected text under " + in_quotes(name_) + ", found " + found;
    return false;
  }
  bool keep_id(std::string value) {
    record.id = std::move(value);
    unwanted = wanted_ && !wanted_->contains(*record.id);
    return !unwanted;
  }

  const std::optional<IdSet>& wanted_;
  Field field_ = Field::kOther;
  std::string name_;
  size_t depth_ = 0;
};

}  // namespace

Result<std::optional<JsonRecord>> parse_json_record(std::string_view line,
                                                    const std::optional<IdSet>& wanted) {
  RecordReader reader(wanted);
  const bool whole = json::sax_parse(line.begin(), line.end(), &reader);
  if (reader.unwanted) return std::nullopt;
  if (!whole) return fail(ErrorCode::kInvalidInput, reader.problem);
  return std::optional<JsonRecord>(std::move(reader.record));
}

}  // namespace headwise
