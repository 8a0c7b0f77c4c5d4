// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the fields of a request's body, read one after the other; the first that is wrong is
// remembered and reading goes on, so that a dialect is a list of fields and one look at status() at the end.
// Fields that nobody asks for are ignored, null counts as absent, and every message names the field, what was
// expected and what was found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headwise/reranker.h"
#include "serve/json.h"

namespace headwise::serve {

struct RequestLimits {
  size_t max_documents = 1000;  // of a request, over all its queries
  size_t max_queries = 100;     // in the dialect `headwise`
};

class FieldReader {
 public:
  // `where` stands before every name: "queries[3].".
  explicit FieldReader(const ParsedJson& body, std::string where = "");

  // The member, or null where it is absent or null.
  const ParsedJson* find(const char* name) const;
  // Text with something in it.
  std::string required_text(const char* name);
  std::string optional_text(const char* name);
  std::optional<bool> optional_flag(const char* name);
  // A whole number of that range; what is above counts as `high`.
  std::optional<int64_t> optional_integer(const char* name, int64_t low, int64_t high);
  std::optional<double> optional_number(const char* name);
  // A list that is not empty, of texts or of objects with "text" (and "title", "id", "score").
  std::vector<Passage> required_documents(const char* name, size_t max_documents);

  void complain(const std::string& message);
  // The other reader's complaint, where there is one.
  void take(const FieldReader& other) {
    if (status_ && !other.status_) status_ = other.status_;
  }
  // Documents above the limit: kResourceLimit, everything else kInvalidInput.
  const Status& status() const { return status_; }
  bool good() const { return status_.has_value(); }
  std::string name_of(const char* name) const { return "\"" + where_ + name + "\""; }

 private:
  bool read_document(const ParsedJson& value, const std::string& name, Passage& passage);

  const ParsedJson& body_;
  std::string where_;
  Status status_;
};

// "a number", "an object", ... for messages.
std::string kind_of(const ParsedJson& value);

}  // namespace headwise::serve
