// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the dialects' functions, which the table in dialects.cc joins, and the fields that
// several of them have.
#pragma once

#include "serve/dialects.h"

namespace headwise::serve {

// "model" and "score_scale", which every dialect may have.
void read_common(FieldReader& fields, RerankRequest& request);
// top_n, or what the dialect calls it.
void read_top(FieldReader& fields, const char* name, int64_t least, RerankRequest& request);
// The one query of all dialects but two.
void read_query(FieldReader& fields, const char* documents, const RequestLimits& limits,
                RerankRequest& request);
// Where a result holds its document's text, if that is asked for: {"document": {"text"}} unless a dialect has
// a way of its own.
using PutText = void (*)(Json& result, const std::string& text);
void put_document(Json& result, const std::string& text);
// {"index", NAME: score[, the text]} for each result of the first query.
Json result_list(const RerankRequest& request, const RerankAnswer& answer, const char* score_name,
                 PutText put_text = put_document);

Result<RerankRequest> parse_cohere(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_jina(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_tei(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_voyage(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_score(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_own(const ParsedJson& body, const RequestLimits& limits);
Result<RerankRequest> parse_search(const ParsedJson& body, const RequestLimits& limits);

Json render_results(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_tei(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_voyage(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_score(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);
Json render_own(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context);

}  // namespace headwise::serve
