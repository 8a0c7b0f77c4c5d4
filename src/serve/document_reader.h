// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: queries and documents of a request's body, however a client writes them: as text, as an
// object that holds the text under any of the names that records have (formats/record_names.h), in parts as
// chat messages have them, or as an object whose fields the request names.
#pragma once

#include <string>
#include <vector>

#include "headwise/passage.h"
#include "serve/field_reader.h"

namespace headwise::serve {

struct RequestLimits {
  size_t max_documents = 1000;  // of a request, over all its queries
  size_t max_queries = 100;     // in the dialect `headwise`
};

// How the documents of a request are read.
struct DocumentRules {
  size_t max_documents = RequestLimits{}.max_documents;
  // Cohere's rank_fields: members of documents that are objects, in the order in which they are read, in any
  // case; empty: title and text.
  std::vector<std::string> fields{};
  bool one_will_do = false;  // without a list around it
};

// Text with something in it.
std::string read_query_text(FieldReader& fields, const char* name);
// A list that is not empty; what is in it may be. Documents without an id are numbered from 1.
std::vector<Passage> read_documents(FieldReader& fields, const char* name, const DocumentRules& rules);
// The names under "rank_fields": a list, or one.
std::vector<std::string> read_rank_fields(FieldReader& fields);

}  // namespace headwise::serve
