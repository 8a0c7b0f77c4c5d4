// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/json_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "formats/record_names.h"
#include "formats/text_lines.h"

namespace headwise {
namespace {

using nlohmann::json;

// The best member so far for one meaning. One of the wrong type counts as well: it is what the record says,
// until a better name follows.
struct Found {
  size_t place = RecordKey{}.place;
  std::string name;
  std::optional<std::string> value;
  std::string problem;
};

// Whether a name for the id that wins over `place` may stand somewhere in the line. An escape could hide one.
bool better_id_may_follow(std::string_view line, size_t place) {
  if (line.find("\\u00") != std::string_view::npos) return true;
  for (const RecordName& row : record_names().first(std::min(place, record_names().size()))) {
    if (row.member != RecordMember::kId) continue;
    if (line.find("\"" + std::string(row.name) + "\"") != std::string_view::npos) return true;
  }
  return false;
}

// Keeps the members of the outermost object; returning false ends the parse.
class RecordReader final : public nlohmann::json_sax<json> {
 public:
  RecordReader(std::string_view line, const std::optional<IdSet>& wanted) : line_(line), wanted_(wanted) {}

  Found id, title, text;
  std::string problem;
  bool unwanted = false;
  bool null_text = false;

  bool null() override {  // absent
    null_text = null_text || (depth_ == 1 && key_.member == RecordMember::kText);
    return depth_ > 0 || not_an_object();
  }
  bool boolean(bool) override { return wrong_type("true or false"); }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t&) override { return wrong_type("a fraction"); }
  bool binary(binary_t&) override { return depth_ > 0 || not_an_object(); }
  bool start_object(std::size_t) override { return depth_ == 0 ? ++depth_ > 0 : open("an object"); }
  bool start_array(std::size_t) override { return open("a list"); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    key_ = depth_ == 1 ? record_key(name) : RecordKey{};
    if (key_.member != RecordMember::kOther) name_ = name;
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ == 0) return not_an_object();
    return depth_ > 1 || take(std::move(value), {});
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    std::string_view what = error.what();
    size_t end = what.find("] ");
    problem = what.substr(end == std::string_view::npos ? 0 : end + 2);
    return false;
  }

 private:
  bool not_an_object() {
    problem = "expected a JSON object";
    return false;
  }
  bool number(std::string digits) {
    if (depth_ == 1 && key_.member == RecordMember::kId) return take(std::move(digits), {});
    return wrong_type("a number");
  }
  bool open(const char* what) {
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
    return depth_ > 1 || take({}, found);
  }
  Found* place_of(RecordMember member) {
    if (member == RecordMember::kId) return &id;
    if (member == RecordMember::kTitle) return &title;
    return member == RecordMember::kText ? &text : nullptr;
  }
  // The winner may stand anywhere in the line; of two equal keys the last counts, as in every JSON reader.
  bool take(std::string value, const char* wrong) {
    Found* found = place_of(key_.member);
    if (found == nullptr || std::tie(found->place, found->name) < std::tie(key_.place, name_)) return true;
    found->place = key_.place;
    found->name = name_;
    found->problem = wrong == nullptr ? "" : "expected text under " + in_quotes(name_) + ", found " + wrong;
    found->value = std::move(value);
    if (found != &id || wrong != nullptr || !wanted_ || wanted_->contains(*id.value)) return true;
    unwanted = !better_id_may_follow(line_, key_.place);
    return !unwanted;
  }

  std::string_view line_;
  const std::optional<IdSet>& wanted_;
  RecordKey key_;
  std::string name_;
  size_t depth_ = 0;
};

}  // namespace

Result<std::optional<JsonRecord>> parse_json_record(std::string_view line,
                                                    const std::optional<IdSet>& wanted) {
  RecordReader reader(line, wanted);
  const bool whole = json::sax_parse(line.begin(), line.end(), &reader);
  if (reader.unwanted) return std::nullopt;
  if (!whole) return fail(ErrorCode::kInvalidInput, reader.problem);
  if (reader.id.problem.empty() && reader.id.value && wanted && !wanted->contains(*reader.id.value)) {
    return std::nullopt;
  }
  for (const Found* found : {&reader.id, &reader.title, &reader.text}) {
    if (!found->problem.empty()) return fail(ErrorCode::kInvalidInput, found->problem);
  }
  if (!reader.text.value && reader.null_text) reader.text.value = "";
  return std::optional<JsonRecord>(JsonRecord{
      std::move(reader.id.value), std::move(reader.title.value).value_or(""), std::move(reader.text.value)});
}

}  // namespace headwise
