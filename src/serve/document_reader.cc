// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "serve/document_reader.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "formats/record_names.h"
#include "rerank/passage_text.h"

namespace headwise::serve {
namespace {

// A string, or a list of strings and of parts {"type": "text", "text": ...}, which are lines; nothing for
// anything else.
std::optional<std::string> text_or_parts(const ParsedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  std::string text;
  for (const ParsedJson& part : value) {
    const ParsedJson* words = part.is_object() ? given_member(part, "text") : &part;
    if (words == nullptr || !words->is_string()) return std::nullopt;
    text += (text.empty() ? "" : "\n") + words->get<std::string>();
  }
  return text;
}

// The value of a field that a client has ranked, as text.
std::string field_text(const ParsedJson& value) {
  if (const auto text = text_or_parts(value)) return *text;
  return value.dump();
}

const ParsedJson* named_field(const ParsedJson& object, const std::string& name) {
  if (const ParsedJson* exact = given_member(object, name.c_str())) return exact;
  for (auto at = object.begin(); at != object.end(); ++at) {
    if (!at->is_null() && same_but_for_case(at.key(), name)) return &*at;
  }
  return nullptr;
}

bool has_field(const ParsedJson& object, const std::string& name) {
  for (auto at = object.begin(); at != object.end(); ++at) {
    if (same_but_for_case(at.key(), name)) return true;
  }
  return false;
}

// Documents of one list.
class DocumentReader {
 public:
  DocumentReader(FieldReader& fields, const DocumentRules& rules) : fields_(fields), rules_(rules) {}

  void read(const ParsedJson& value, const std::string& place, Passage& passage) {
    if (value.is_string()) {
      passage.text = value.get<std::string>();
    } else if (value.is_object()) {
      read_object(value, place, passage);
    } else {
      complain(place, " must be a string or an object with \"text\", found " + kind_of(value));
    }
  }

 private:
  void complain(const std::string& place, const std::string& problem) {
    fields_.complain("\"" + place + "\"" + problem);
  }

  void read_object(const ParsedJson& value, const std::string& place, Passage& passage) {
    if (rules_.fields.empty()) {
      read_record(value, place, passage);
    } else {
      read_ranked_fields(value, place, passage);
    }
    if (const ParsedJson* id = record_member(value, RecordMember::kId)) {
      if (id->is_string()) {
        passage.id = id->get<std::string>();
      } else if (id->is_number_integer()) {
        passage.id = id->dump();
      } else {
        complain(place + ".id", " must be a string, found " + kind_of(*id));
      }
    }
    if (const ParsedJson* score = record_member(value, RecordMember::kScore)) {
      passage.first_stage_score = number_in(*score);
      if (!passage.first_stage_score)
        complain(place + ".score", " must be a number, found " + kind_of(*score));
    }
  }

  void read_record(const ParsedJson& value, const std::string& place, Passage& passage) {
    const ParsedJson* text = record_member(value, RecordMember::kText);
    const ParsedJson* title = record_member(value, RecordMember::kTitle);
    if (!has_text_member(value) && title == nullptr) {
      return complain(place, " has none of " + names_of(RecordMember::kText) + ", " +
                                 names_of(RecordMember::kTitle) + "; name its fields in \"rank_fields\"");
    }
    if (text != nullptr) read_member(*text, place + ".text", passage.text);
    if (title != nullptr) read_member(*title, place + ".title", passage.title);
  }

  void read_member(const ParsedJson& value, const std::string& place, std::string& target) {
    std::optional<std::string> text = text_or_parts(value);
    if (!text) return complain(place, " must be a string, found " + kind_of(value));
    target = std::move(*text);
  }

  void read_ranked_fields(const ParsedJson& value, const std::string& place, Passage& passage) {
    bool found = false;
    for (const std::string& name : rules_.fields) {
      found = found || has_field(value, name);
      const ParsedJson* field = named_field(value, name);
      if (field == nullptr) continue;
      passage.text += (passage.text.empty() ? "" : "\n") + field_text(*field);
    }
    if (!found) complain(place, " has none of the \"rank_fields\"");
  }

  FieldReader& fields_;
  const DocumentRules& rules_;
};

}  // namespace

std::string read_query_text(FieldReader& fields, const char* name) {
  const ParsedJson* value = fields.find(name);
  if (value == nullptr) {
    fields.complain(fields.name_of(name) + " is missing");
    return {};
  }
  const ParsedJson* holder = value->is_object() ? record_member(*value, RecordMember::kText) : value;
  std::optional<std::string> text;
  if (holder != nullptr && (value->is_object() || holder->is_string())) text = text_or_parts(*holder);
  if (!text) {
    fields.complain(fields.name_of(name) + " must be a string, found " + kind_of(*value));
    return {};
  }
  if (is_white_space(*text)) fields.complain(fields.name_of(name) + " is empty");
  return *text;
}

std::vector<std::string> read_rank_fields(FieldReader& fields) {
  constexpr const char* kName = "rank_fields";
  const ParsedJson* value = fields.find(kName);
  if (value == nullptr) return {};
  if (value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> names;
  if (value->is_array()) {
    for (const ParsedJson& name : *value) {
      if (name.is_string()) names.push_back(name.get<std::string>());
    }
  }
  if (!value->is_array() || names.size() != value->size())
    fields.complain(fields.name_of(kName) + " must be a list of strings");
  return names;
}

std::vector<Passage> read_documents(FieldReader& fields, const char* name, const DocumentRules& rules) {
  const ParsedJson* value = fields.find(name);
  if (value == nullptr) {
    fields.complain(fields.name_of(name) + " is missing");
    return {};
  }
  if (!value->is_array() && !(rules.one_will_do && (value->is_string() || value->is_object()))) {
    fields.complain(fields.name_of(name) + " must be a list of strings, found " + kind_of(*value));
    return {};
  }
  const bool list = value->is_array();
  const size_t count = list ? value->size() : 1;
  if (count == 0) fields.complain(fields.name_of(name) + " is empty; give at least one");
  if (count > rules.max_documents) {
    fields.complain(fields.name_of(name) + " has " + std::to_string(count) + " entries; the server takes " +
                        std::to_string(rules.max_documents) + " of a request (--max-documents)",
                    ErrorCode::kResourceLimit);
  }
  std::vector<Passage> passages;
  if (!fields.good()) return passages;
  passages.resize(count);
  DocumentReader reader(fields, rules);
  const std::string quoted = fields.name_of(name);
  const std::string place = quoted.substr(1, quoted.size() - 2);
  for (size_t i = 0; i < count && fields.good(); ++i) {
    passages[i].id = std::to_string(i + 1);
    reader.read(list ? (*value)[i] : *value, list ? place + "[" + std::to_string(i) + "]" : place,
                passages[i]);
  }
  if (!fields.good()) passages.clear();
  return passages;
}

}  // namespace headwise::serve
