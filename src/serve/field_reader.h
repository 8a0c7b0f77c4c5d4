// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the fields of a request's body, read one after the other; the first that is wrong is
// remembered and reading goes on, so that a dialect is a list of fields and one look at status() at the end.
// It takes what the servers whose dialects we speak take (most check with pydantic): fields that nobody asks
// for are ignored, null counts as absent, flags and numbers may be written as text. Every message names the
// field, what was expected and what was found. Documents are read by document_reader.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "headwise/error.h"
#include "serve/json.h"

namespace headwise::serve {

// The member, or null where the body is no object, or the member is absent or null.
const ParsedJson* given_member(const ParsedJson& body, const char* name);

class FieldReader {
 public:
  // `where` stands before every name: "queries[3].".
  explicit FieldReader(const ParsedJson& body, std::string where = "");

  const ParsedJson* find(const char* name) const { return given_member(body_, name); }
  std::string optional_text(const char* name);
  // true, false, 0, 1, and as text these, yes, no, on, off, y, n, t, f in any case.
  std::optional<bool> optional_flag(const char* name);
  // A whole number of that range, 3.0, or either as text; what is above counts as `high`.
  std::optional<int64_t> optional_integer(const char* name, int64_t low, int64_t high);
  // A finite number, or one as text.
  std::optional<double> optional_number(const char* name);

  void complain(const std::string& message, ErrorCode code = ErrorCode::kInvalidInput);
  // The other reader's complaint, where there is one.
  void take(const FieldReader& other) {
    if (status_ && !other.status_) status_ = other.status_;
  }
  // Documents above the limit: kResourceLimit, everything else kInvalidInput.
  const Status& status() const { return status_; }
  bool good() const { return status_.has_value(); }
  std::string name_of(const char* name) const { return "\"" + where_ + name + "\""; }

 private:
  const ParsedJson& body_;
  std::string where_;
  Status status_;
};

// A number, or one as text: digits, with a sign, a fraction and an exponent where there are any.
std::optional<double> number_in(const ParsedJson& value);

// "a number", "an object", ... for messages.
std::string kind_of(const ParsedJson& value);

}  // namespace headwise::serve
