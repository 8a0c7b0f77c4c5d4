// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/field_reader.h"

#include <cmath>
#include <utility>

#include "rerank/passage_text.h"

namespace headwise::serve {

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

FieldReader::FieldReader(const ParsedJson& body, std::string where) : body_(body), where_(std::move(where)) {
  if (!body_.is_object()) {
    complain((where_.empty() ? "the body" : "\"" + where_.substr(0, where_.size() - 1) + "\"") +
             " must be an object, found " + kind_of(body_));
  }
}

void FieldReader::complain(const std::string& message) {
  if (status_) status_ = fail(ErrorCode::kInvalidInput, message);
}

const ParsedJson* FieldReader::find(const char* name) const {
  if (!body_.is_object()) return nullptr;
  const auto found = body_.find(name);
  return found == body_.end() || found->is_null() ? nullptr : &*found;
}

std::string FieldReader::required_text(const char* name) {
  const ParsedJson* value = find(name);
  if (value == nullptr) {
    complain(name_of(name) + " is missing");
    return {};
  }
  std::string text = optional_text(name);
  if (good() && is_white_space(text)) complain(name_of(name) + " is empty");
  return text;
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
  if (!value->is_boolean()) {
    complain(name_of(name) + " must be true or false, found " + kind_of(*value));
    return std::nullopt;
  }
  return value->get<bool>();
}

std::optional<int64_t> FieldReader::optional_integer(const char* name, int64_t low, int64_t high) {
  const ParsedJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  // 3.0 is a whole number to JSON; what does not fit 64 bits comes as a floating-point number, too.
  const bool whole = value->is_number() &&
                     (value->is_number_integer() || std::trunc(value->get<double>()) == value->get<double>());
  if (!whole) {
    complain(name_of(name) + " must be a whole number, found " +
             (value->is_number() ? value->dump() : kind_of(*value)));
    return std::nullopt;
  }
  if (value->get<double>() < static_cast<double>(low)) {
    complain(name_of(name) + " must be at least " + std::to_string(low) + ", found " + value->dump());
    return std::nullopt;
  }
  return value->get<double>() >= static_cast<double>(high) ? high : value->get<int64_t>();
}

std::optional<double> FieldReader::optional_number(const char* name) {
  const ParsedJson* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    complain(name_of(name) + " must be a number, found " + kind_of(*value));
    return std::nullopt;
  }
  return value->get<double>();
}

bool FieldReader::read_document(const ParsedJson& value, const std::string& name, Passage& passage) {
  if (value.is_string()) {
    passage.text = value.get<std::string>();
  } else if (value.is_object()) {
    FieldReader fields(value, name + ".");
    passage.text = fields.required_text("text");
    passage.title = fields.optional_text("title");
    const ParsedJson* id = fields.find("id");
    if (id != nullptr && !id->is_string() && !id->is_number_integer())
      fields.complain("\"" + name + ".id\" must be a string, found " + kind_of(*id));
    if (id != nullptr && fields.good()) passage.id = id->is_string() ? id->get<std::string>() : id->dump();
    passage.first_stage_score = fields.optional_number("score");
    if (!fields.good()) {
      take(fields);
      return false;
    }
  } else {
    complain("\"" + name + "\" must be a string or an object with \"text\", found " + kind_of(value));
    return false;
  }
  if (is_white_space(passage.text)) {
    complain("\"" + name + "\" is empty");
    return false;
  }
  return true;
}

std::vector<Passage> FieldReader::required_documents(const char* name, size_t max_documents) {
  const ParsedJson* value = find(name);
  if (value == nullptr) {
    complain(name_of(name) + " is missing");
    return {};
  }
  if (!value->is_array()) {
    complain(name_of(name) + " must be a list of strings, found " + kind_of(*value));
    return {};
  }
  if (value->empty()) complain(name_of(name) + " is empty; give at least one");
  if (value->size() > max_documents && status_) {
    status_ = fail(ErrorCode::kResourceLimit,
                   name_of(name) + " has " + std::to_string(value->size()) + " entries; the server takes " +
                       std::to_string(max_documents) + " of a request (--max-documents)");
  }
  std::vector<Passage> passages;
  if (!good()) return passages;
  passages.resize(value->size());
  for (size_t i = 0; i < passages.size(); ++i) {
    passages[i].id = std::to_string(i + 1);
    const std::string place = where_ + name + "[" + std::to_string(i) + "]";
    if (!read_document((*value)[i], place, passages[i])) return {};
  }
  return passages;
}

}  // namespace headwise::serve
