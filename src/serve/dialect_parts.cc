// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The dialects of others whose requests have one query: Cohere, Jina (with vLLM and llama.cpp), TEI, Voyage.
#include "serve/dialect_parts.h"

#include <array>
#include <limits>
#include <utility>

#include "engine/options.h"
#include "serve/instructed_text.h"

namespace headwise::serve {
namespace {

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
constexpr const char* kLong = "long";  // the option

// Cohere-like bodies of vLLM, SiliconFlow and others have "instruction", DashScope's "instruct"; vLLM also
// takes it among what it hands to a chat template, where it wins.
void read_instruction(FieldReader& fields, RerankRequest& request) {
  std::string text = fields.optional_text("instruct");
  if (std::string other = fields.optional_text("instruction"); !other.empty()) text = std::move(other);
  if (const ParsedJson* template_values = fields.find("chat_template_kwargs");
      template_values != nullptr && template_values->is_object()) {
    FieldReader inner(*template_values, "chat_template_kwargs.");
    if (std::string other = inner.optional_text("instruction"); !other.empty()) text = std::move(other);
    fields.take(inner);
  }
  request.instruction = std::move(text);
}

}  // namespace

void read_common(FieldReader& fields, RerankRequest& request) {
  request.model = fields.optional_text("model");
  read_instruction(fields, request);
  read_score(fields, "score_scale", request);
  request.min_score = fields.optional_number("min_score");
}

void read_score(FieldReader& fields, const char* name, RerankRequest& request) {
  const std::string word = fields.optional_text(name);
  if (word.empty()) return;
  const auto kind = parse_score_kind(word);
  if (kind) {
    request.score = *kind;
  } else {
    fields.complain(fields.name_of(name) + ": " + kind.error().message());
  }
}

void read_token_limits(FieldReader& fields, std::span<const char* const> names, int64_t least,
                       RerankRequest& request) {
  int64_t fewest = 0;
  for (const char* name : names) {
    const int64_t tokens = fields.optional_integer(name, least, kMost).value_or(0);
    if (tokens > 0 && (fewest == 0 || tokens < fewest)) fewest = tokens;
  }
  if (fewest == 0) return;
  request.settings["max-tokens"] = std::to_string(fewest);
  // A limit in these dialects says what is read of a document, not how long its parts are.
  request.settings[kLong] = "cut";
}

void read_top(FieldReader& fields, const char* name, int64_t least, RerankRequest& request) {
  request.top_n = fields.optional_integer(name, least, kMost).value_or(request.top_n);
}

void read_query(FieldReader& fields, const char* documents, const DocumentRules& rules,
                RerankRequest& request) {
  RerankQuery query;
  query.id = "1";
  query.text = read_query_text(fields, "query");
  query.passages = read_documents(fields, documents, rules);
  request.queries.push_back(std::move(query));
}

namespace {

// The fields of a dialect whose requests have one query, where it has them.
struct OneQueryFields {
  const char* documents;
  const char* top = nullptr;
  int64_t least_top = 1;
  const char* returned = "return_documents";
  std::span<const char* const> tokens{};  // most of a passage
  int64_t least_tokens = 1;
  const char* cut = nullptr;  // a flag; false: nothing may be cut
  Failure refused = Failure::kContextExceeded;
  const char* side = nullptr;  // where a text is cut, "left" or "right"
};

// Whether, and where, texts may be cut. We cut the end off; who asks for the other side is told when it
// would matter.
void read_cut(FieldReader& fields, const OneQueryFields& names, RerankRequest& request) {
  if (names.side != nullptr) {
    std::string side = fields.optional_text(names.side);
    if (!side.empty() && side.front() == 'L') side.front() = 'l';
    if (!side.empty() && side.front() == 'R') side.front() = 'r';
    if (side == "left") {
      request.refuses_cut =
          CutRefusal{names.refused, fields.name_of(names.side) + " is left, where nothing can be cut here"};
    } else if (!side.empty() && side != "right") {
      fields.complain(fields.name_of(names.side) + " must be left or right");
    }
  }
  if (names.cut != nullptr && !fields.optional_flag(names.cut).value_or(true)) {
    request.refuses_cut = CutRefusal{names.refused, fields.name_of(names.cut) + " is false"};
  }
}

Result<RerankRequest> parse_one_query(const ParsedJson& body, const RequestLimits& limits,
                                      const OneQueryFields& names) {
  FieldReader fields(body);
  RerankRequest request;
  read_common(fields, request);
  read_query(fields, names.documents,
             {.max_documents = limits.max_documents, .fields = read_rank_fields(fields)}, request);
  if (names.top != nullptr) read_top(fields, names.top, names.least_top, request);
  request.return_documents = fields.optional_flag(names.returned).value_or(false);
  read_token_limits(fields, names.tokens, names.least_tokens, request);
  read_cut(fields, names, request);
  if (!fields.good()) return fail(fields.status().error());
  take_instructions_out(request);
  return request;
}

}  // namespace

void put_document(Json& result, const Passage& passage) {
  result["document"]["text"] = passage.text;
  if (!passage.title.empty()) result["document"]["title"] = passage.title;
}

void put_reading(Json& result, const ScoredPassage& hit) {
  if (hit.truncated) result["truncated"] = true;
  if (hit.empty) result["empty"] = true;
  if (hit.window) {
    result["window"] = {{"number", hit.window->number},
                        {"count", hit.window->count},
                        {"begin", hit.window->begin},
                        {"end", hit.window->end}};
  }
}

std::vector<std::string> warnings_of(const RerankAnswer& answer) {
  std::vector<std::string> warnings;
  if (const int64_t cut = answer.truncated_passages(); cut > 0)
    warnings.push_back("not all was read of " + std::to_string(cut) + " documents, which are too long");
  for (const ScoredPassage& hit : answer.queries.front().results) {
    if (hit.empty)
      warnings.push_back("documents[" + std::to_string(hit.index) + "] is empty and stands last");
  }
  return warnings;
}

Json result_list(const RerankRequest& request, const RerankAnswer& answer, const char* score_name,
                 PutDocument put) {
  Json list = Json::array();
  for (const ScoredPassage& hit : shown_results(request, answer.queries.front())) {
    Json result;
    result["index"] = hit.index;
    result[score_name] = hit.score;
    if (put == put_document) put_reading(result, hit);
    if (request.return_documents) {
      put(result, request.queries.front().passages[static_cast<size_t>(hit.index)]);
    }
    list.push_back(std::move(result));
  }
  return list;
}

Result<RerankRequest> parse_cohere(const ParsedJson& body, const RequestLimits& limits) {
  constexpr static const char* kTokens[] = {"max_tokens_per_doc"};
  return parse_one_query(body, limits, {.documents = "documents", .top = "top_n", .tokens = kTokens});
}

Result<RerankRequest> parse_jina(const ParsedJson& body, const RequestLimits& limits) {
  // vLLM's are in vllm/entrypoints/pooling/scoring/protocol.py: 0 is all; -1: what the model takes.
  constexpr static const char* kTokens[] = {"max_tokens_per_doc", "truncate_prompt_tokens"};
  return parse_one_query(body, limits,
                         {.documents = "documents",
                          .top = "top_n",
                          .least_top = 0,
                          .tokens = kTokens,
                          .least_tokens = -1,
                          .refused = Failure::kInvalidRequest,
                          .side = "truncation_side"});
}

Json render_results(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  const int64_t tokens = answer.prompt_tokens();
  Json json;
  json["id"] = context.id;
  json["object"] = "list";
  json["model"] = context.model;
  json["results"] = result_list(request, answer, "relevance_score");
  json["score_scale"] = score_name(request);
  json["usage"] = {{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  json["meta"] = {{"api_version", {{"version", "2"}}},
                  {"billed_units", {{"search_units", 1}}},
                  {"tokens", {{"input_tokens", tokens}, {"output_tokens", 0}}}};
  if (const std::vector<std::string> warnings = warnings_of(answer); !warnings.empty())
    json["meta"]["warnings"] = warnings;
  return json;
}

Json render_infinity(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  Json json = render_results(request, answer, context);
  json["results"] = result_list(request, answer, "relevance_score", [](Json& result, const Passage& passage) {
    result["document"] = passage.text;
  });
  return json;
}

Result<RerankRequest> parse_tei(const ParsedJson& body, const RequestLimits& limits) {
  // text-embeddings-inference answers 413 for a text that is too long where `truncate` is false.
  auto request = parse_one_query(
      body, limits,
      {.documents = "texts", .returned = "return_text", .cut = "truncate", .side = "truncation_direction"});
  if (!request) return request;
  FieldReader fields(body);
  const std::optional<bool> raw = fields.optional_flag("raw_scores");
  if (!fields.good()) return fail(fields.status().error());
  if (raw.value_or(false) && !request->score) request->score = ScoreKind::kRaw;
  return request;
}

Json render_tei(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  (void)context;
  return result_list(request, answer, "score",
                     [](Json& result, const Passage& passage) { result["text"] = passage.text; });
}

Result<RerankRequest> parse_voyage(const ParsedJson& body, const RequestLimits& limits) {
  return parse_one_query(
      body, limits,
      {.documents = "documents", .top = "top_k", .cut = "truncation", .refused = Failure::kInvalidRequest});
}

Json render_voyage(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  Json json;
  json["object"] = "list";
  json["data"] = result_list(request, answer, "relevance_score",
                             [](Json& result, const Passage& passage) { result["document"] = passage.text; });
  json["model"] = context.model;
  json["score_scale"] = score_name(request);
  json["usage"] = {{"total_tokens", answer.prompt_tokens()}};
  return json;
}

}  // namespace headwise::serve
