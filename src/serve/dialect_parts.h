// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the dialects' functions, which the table in dialects.cc joins, and the fields that
// several of them have.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "serve/dialects.h"

namespace headwise::serve {

// "model", "score_scale", "min_score" and "instruction", which every dialect may have.
void read_common(FieldReader& fields, RerankRequest& request);
// What the answer's scores are: "raw", ...
inline std::string_view score_name(const RerankRequest& request) {
  return to_string(request.score.value_or(ScoreKind::kRaw));
}
// What scores are to be, under this name.
void read_score(FieldReader& fields, const char* name, RerankRequest& request);
// The most tokens of a passage: the least of the fields with these names that is above 0.
void read_token_limits(FieldReader& fields, std::span<const char* const> names, int64_t least,
                       RerankRequest& request);
// top_n, or what the dialect calls it.
void read_top(FieldReader& fields, const char* name, int64_t least, RerankRequest& request);
// The one query of all dialects but two.
void read_query(FieldReader& fields, const char* documents, const DocumentRules& rules,
                RerankRequest& request);
// Where a result holds its document, if that is asked for: {"document": {"text"[, "title"]}} unless a dialect
// has a way of its own.
using PutDocument = void (*)(Json& result, const Passage& passage);
void put_document(Json& result, const Passage& passage);
// What was read of the document where that is not all of it once: "truncated", "empty", "window".
void put_reading(Json& result, const ScoredPassage& hit);
// For people, of an answer to one query: how many documents were cut, which are empty.
std::vector<std::string> warnings_of(const RerankAnswer& answer);
// {"index", NAME: score[, the text]} for each result of the first query.
Json result_list(const RerankRequest& request, const RerankAnswer& answer, const char* score_name,
                 PutDocument put = put_document);

Result<RerankRequest> parse_cohere(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_jina(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_tei(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_voyage(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_score(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_own(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_search(const ParsedJson& body, const RequestLimits& limits);

Json render_results(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
// The same, with each document as bare text: Infinity's clients send Jina's bodies and read them so.
Json render_infinity(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_tei(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_voyage(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_score(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_own(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);

}  // namespace headwise::serve
