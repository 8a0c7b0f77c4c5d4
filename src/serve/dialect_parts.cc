// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The dialects of others: Cohere, Jina (with vLLM and llama.cpp), TEI, Voyage, score.
#include "serve/dialect_parts.h"

#include <array>
#include <limits>
#include <utility>

namespace headwise::serve {
namespace {

// A text or a list of texts, as passages.
std::vector<Passage> text_or_texts(FieldReader& fields, const char* name, const RequestLimits& limits) {
  const ParsedJson* value = fields.find(name);
  if (value == nullptr || !value->is_string()) return fields.required_documents(name, limits.max_documents);
  std::vector<Passage> one(1);
  one.front().id = "1";
  one.front().text = fields.required_text(name);
  return one;
}

}  // namespace

void read_common(FieldReader& fields, RerankRequest& request) {
  request.model = fields.optional_text("model");
  const std::string scale = fields.optional_text("score_scale");
  if (scale.empty() || scale == "raw") return;
  if (scale == "softmax") {
    request.scale = ScoreScale::kSoftmax;
  } else if (scale == "minmax") {
    request.scale = ScoreScale::kMinmax;
  } else {
    fields.complain("\"score_scale\" must be raw, softmax or minmax");
  }
}

void read_top(FieldReader& fields, const char* name, int64_t least, RerankRequest& request) {
  request.top_n =
      fields.optional_integer(name, least, std::numeric_limits<int32_t>::max()).value_or(request.top_n);
}

void read_query(FieldReader& fields, const char* documents, const RequestLimits& limits,
                RerankRequest& request) {
  RerankQuery query;
  query.id = "1";
  query.text = fields.required_text("query");
  query.passages = fields.required_documents(documents, limits.max_documents);
  request.queries.push_back(std::move(query));
}

namespace {

// The fields of a dialect whose requests have one query, where it has them.
struct OneQueryFields {
  const char* documents;
  const char* top = nullptr;
  int64_t least_top = 1;
  const char* returned = "return_documents";
  const char* tokens = nullptr;                 // most of a passage
  std::array<const char*, 2> without_effect{};  // flags that may be given and change nothing
};

Result<RerankRequest> parse_one_query(const ParsedJson& body, const RequestLimits& limits,
                                      const OneQueryFields& names) {
  FieldReader fields(body);
  RerankRequest request;
  read_common(fields, request);
  read_query(fields, names.documents, limits, request);
  if (names.top != nullptr) read_top(fields, names.top, names.least_top, request);
  request.return_documents = fields.optional_flag(names.returned).value_or(false);
  if (names.tokens != nullptr) {
    if (const auto tokens = fields.optional_integer(names.tokens, 1, std::numeric_limits<int32_t>::max())) {
      request.settings["max-tokens"] = std::to_string(*tokens);
    }
  }
  for (const char* name : names.without_effect) {
    if (name != nullptr) fields.optional_flag(name);
  }
  if (!fields.good()) return fail(fields.status().error());
  return request;
}

}  // namespace

void put_document(Json& result, const std::string& text) { result["document"]["text"] = text; }

Json result_list(const RerankRequest& request, const RerankAnswer& answer, const char* score_name,
                 PutText put_text) {
  Json list = Json::array();
  for (const ScoredPassage& hit : shown_results(request, answer.queries.front())) {
    Json result;
    result["index"] = hit.index;
    result[score_name] = hit.score;
    if (request.return_documents) {
      put_text(result, request.queries.front().passages[static_cast<size_t>(hit.index)].text);
    }
    list.push_back(std::move(result));
  }
  return list;
}

Result<RerankRequest> parse_cohere(const ParsedJson& body, const RequestLimits& limits) {
  return parse_one_query(body, limits,
                         {.documents = "documents", .top = "top_n", .tokens = "max_tokens_per_doc"});
}

Result<RerankRequest> parse_jina(const ParsedJson& body, const RequestLimits& limits) {
  // vLLM's default is 0, all.
  return parse_one_query(body, limits, {.documents = "documents", .top = "top_n", .least_top = 0});
}

Json render_results(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  const int64_t tokens = answer.prompt_tokens();
  Json json;
  json["id"] = context.id;
  json["object"] = "list";
  json["model"] = context.model;
  json["results"] = result_list(request, answer, "relevance_score");
  json["score_scale"] = scale_name(request.scale);
  json["usage"] = {{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  json["meta"] = {{"api_version", {{"version", "2"}}},
                  {"billed_units", {{"search_units", 1}}},
                  {"tokens", {{"input_tokens", tokens}, {"output_tokens", 0}}}};
  return json;
}

Result<RerankRequest> parse_tei(const ParsedJson& body, const RequestLimits& limits) {
  // There are no other scores here than those of score_scale; --max-words and --max-tokens cut.
  return parse_one_query(
      body, limits,
      {.documents = "texts", .returned = "return_text", .without_effect = {"raw_scores", "truncate"}});
}

Json render_tei(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  (void)context;
  return result_list(request, answer, "score",
                     [](Json& result, const std::string& text) { result["text"] = text; });
}

Result<RerankRequest> parse_voyage(const ParsedJson& body, const RequestLimits& limits) {
  return parse_one_query(
      body, limits, {.documents = "documents", .top = "top_k", .without_effect = {"truncation", nullptr}});
}

Json render_voyage(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  Json json;
  json["object"] = "list";
  json["data"] = result_list(request, answer, "relevance_score",
                             [](Json& result, const std::string& text) { result["document"] = text; });
  json["model"] = context.model;
  json["score_scale"] = scale_name(request.scale);
  json["usage"] = {{"total_tokens", answer.prompt_tokens()}};
  return json;
}

// One text_1 for all of text_2 is one query; as many of each are as many queries.
Result<RerankRequest> parse_score(const ParsedJson& body, const RequestLimits& limits) {
  FieldReader fields(body);
  RerankRequest request;
  read_common(fields, request);
  std::vector<Passage> first = text_or_texts(fields, "text_1", limits);
  std::vector<Passage> second = text_or_texts(fields, "text_2", limits);
  if (fields.good() && first.size() != 1 && first.size() != second.size()) {
    fields.complain("\"text_1\" must be one text, or as many as \"text_2\" has: found " +
                    std::to_string(first.size()) + " and " + std::to_string(second.size()));
  }
  if (!fields.good()) return fail(fields.status().error());
  if (first.size() == 1) {
    request.queries.push_back(
        {.id = "1", .text = std::move(first.front().text), .passages = std::move(second)});
    return request;
  }
  for (size_t i = 0; i < first.size(); ++i) {
    RerankQuery query{.id = std::to_string(i + 1), .text = std::move(first[i].text), .passages = {}};
    query.passages.push_back(std::move(second[i]));
    request.queries.push_back(std::move(query));
  }
  return request;
}

Json render_score(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  std::vector<double> scores;  // in the order of text_2
  for (const QueryAnswer& query : answer.queries) {
    const size_t before = scores.size();
    scores.resize(before + query.results.size());
    for (const ScoredPassage& hit : shown_results(request, query)) {
      scores[before + static_cast<size_t>(hit.index)] = hit.score;
    }
  }
  Json json;
  json["id"] = context.id;
  json["object"] = "list";
  json["created"] = context.created;
  json["model"] = context.model;
  json["data"] = Json::array();
  for (size_t i = 0; i < scores.size(); ++i) {
    json["data"].push_back({{"index", i}, {"object", "score"}, {"score", scores[i]}});
  }
  json["score_scale"] = scale_name(request.scale);
  const int64_t tokens = answer.prompt_tokens();
  json["usage"] = {{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  return json;
}

}  // namespace headwise::serve
