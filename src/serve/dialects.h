// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the table of request formats that the service speaks. A row says where a dialect is
// heard, how its bodies are told from those of others at the same path, how a body becomes a RerankRequest,
// and how an answer becomes a body. docs/server.md#dialects shows each; a new one is a row and two functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "headwise/error.h"
#include "serve/document_reader.h"
#include "serve/errors.h"
#include "serve/json.h"
#include "serve/rerank_request.h"

namespace headwise::serve {

struct AnswerContext {
  std::string id;       // of the request
  std::string model;    // the one that answered
  int64_t created = 0;  // seconds since 1970
};

struct Dialect {
  const char* name;  // in logs and metrics
  std::span<const char* const> paths;
  // Null: every body. Asked in the order of the table among the dialects of a path. A member that is null is
  // absent here as everywhere.
  bool (*recognise)(const ParsedJson& body);
  Result<RerankRequest> (*parse)(const ParsedJson& body, const RequestLimits& limits);
  Json (*render)(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
  std::string (*error)(Failure failure, std::string_view message);
  // Where neither request nor server says: relevance, where it is known, for clients that are used to 0..1.
  ScoreKind usual_score;
  bool takes_options = false;  // of the engine, by their names
};

std::span<const Dialect> dialects();
bool is_dialect_path(std::string_view path);
// The longest path of a dialect that an unknown path ends with, in any letters; empty where none does.
std::string_view dialect_path_at_end_of(std::string_view path);
// What the engine says of its options ("--max-windows must be at least 1") in the words of a request: those
// that it could have set are fields, the server's own stay flags.
std::string in_words_of(const Dialect& dialect, std::string_view message);
// Never null for a path of the table: the last row of a path takes every body.
const Dialect* find_dialect(std::string_view path, const ParsedJson& body);

// What the client sees of a query: scores of the kind asked for (raw where none is), top_n of them. Relevance
// must be known of all.
std::vector<ScoredPassage> shown_results(const RerankRequest& request, const QueryAnswer& answer);

}  // namespace headwise::serve
