// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The dialects `headwise` and `search`: what `rerank` and `explain` can do, for many queries at once, and for
// one whose passages the first stage finds.
#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/options.h"
#include "engine/statistics_json.h"
#include "serve/dialect_parts.h"

namespace headwise::serve {
namespace {

constexpr int kMostPassages = 1000;  // explained of one query
constexpr int kMostHeads = 64;       // shown each for itself

// A word that the client may give for the option; any text where there is no list.
std::string read_word(FieldReader& fields, const Option& option, const char* field,
                      const std::string& expected) {
  const auto known_words = option.client->words != nullptr ? option.client->words : option.value.words;
  std::string text = fields.optional_text(field);
  if (text.empty() || known_words == nullptr) return text;
  const std::vector<std::string> words = known_words();
  if (std::find(words.begin(), words.end(), text) != words.end()) return text;
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  fields.complain(fields.name_of(field) + " must be " + (expected.empty() ? "one of " + list : expected));
  return {};
}

// The field's value as the command line would have it; empty where there is none.
std::string read_option(FieldReader& fields, const Option& option, const char* field) {
  const ParsedJson* value = fields.find(field);
  if (value == nullptr) return {};
  switch (option.value.kind) {
    case OptionKind::kFlag: {
      const auto flag = fields.optional_flag(field);
      return !flag ? "" : *flag ? "true" : "false";
    }
    case OptionKind::kInteger: {
      const auto number = fields.optional_integer(field, 0, option.client->most);
      return number ? std::to_string(*number) : "";
    }
    case OptionKind::kNumberOrWord:
      if (value->is_number() && value->get<double>() >= 0.0) return value->dump();
      if (value->is_string()) return read_word(fields, option, field, option.expected);
      fields.complain(fields.name_of(field) + " must be " + option.expected);
      return {};
    case OptionKind::kText:
    case OptionKind::kPath:
    case OptionKind::kWord:
    case OptionKind::kNumber:
    case OptionKind::kSize:
      break;
  }
  return read_word(fields, option, field, "");
}

void read_settings(FieldReader& fields, RequestSettings& settings) {
  for (const Option& option : options()) {
    if (!option.client) continue;
    std::string text = read_option(fields, option, client_field(option).c_str());
    if (!text.empty()) settings[std::string(option.name)] = std::move(text);
  }
}

void read_explain(FieldReader& fields, RerankRequest& request) {
  const ParsedJson* value = fields.find("explain");
  if (value == nullptr || (value->is_boolean() && !value->get<bool>())) return;
  request.explain.emplace();
  if (value->is_boolean()) return;
  FieldReader wish(*value, "explain.");
  request.explain->passages = static_cast<int>(
      wish.optional_integer("passages", 1, kMostPassages).value_or(request.explain->passages));
  request.explain->per_head = static_cast<int>(wish.optional_integer("per_head", 0, kMostHeads).value_or(0));
  fields.take(wish);
}

void read_queries(FieldReader& fields, const RequestLimits& limits, RerankRequest& request) {
  const ParsedJson* list = fields.find("queries");
  DocumentRules rules{.max_documents = limits.max_documents, .fields = read_rank_fields(fields)};
  if (list == nullptr) return read_query(fields, "documents", rules, request);
  if (!list->is_array() || list->empty()) {
    return fields.complain("\"queries\" must be a list of objects with \"query\" and \"documents\"");
  }
  if (list->size() > limits.max_queries) {
    return fields.complain("\"queries\" has " + std::to_string(list->size()) + " entries; the server takes " +
                           std::to_string(limits.max_queries) + " of a request");
  }
  for (size_t i = 0; i < list->size() && fields.good(); ++i) {
    FieldReader each((*list)[i], "queries[" + std::to_string(i) + "].");
    RerankQuery query;
    query.id = each.optional_text("id");
    if (query.id.empty()) query.id = std::to_string(i + 1);
    query.text = read_query_text(each, "query");
    query.instruction = each.optional_text("instruction");
    query.passages = read_documents(each, "documents", rules);
    rules.max_documents -= std::min(rules.max_documents, query.passages.size());
    fields.take(each);
    request.queries.push_back(std::move(query));
  }
}

Json head_names(std::span<const HeadId> heads) {
  Json names = Json::array();
  for (HeadId head : heads) names.push_back(to_string(head));
  return names;
}

Json tokens_json(const ExplainedPassage& passage) {
  Json tokens = Json::array();
  for (const ExplainedToken& token : passage.tokens) {
    Json entry;
    entry["begin"] = token.begin;
    entry["end"] = token.end;
    entry["weight"] = token.weight;
    entry["attention"] = token.attention;
    if (token.dropped_by > 0) entry["dropped_by"] = token.dropped_by;
    tokens.push_back(std::move(entry));
  }
  return tokens;
}

Json explanation_json(const ExplainedPassage& passage, const Explanation& explanation,
                      std::span<const size_t> shown_heads) {
  Json json;
  json["attention_score"] = passage.attention_score;
  if (passage.fused) {
    json["fused"] = {{"ours", passage.fused->ours}, {"first_stage", passage.fused->first_stage}};
  }
  json["text"] = passage.text;
  json["tokens"] = tokens_json(passage);
  json["head_shares"] = passage.head_shares;
  if (shown_heads.empty() || passage.heads.empty()) return json;
  json["heads"] = Json::array();
  for (size_t place : shown_heads) {
    Json head;
    head["head"] = to_string(explanation.heads[place]);
    head["weights"] = Json::array();
    for (const HeadTokenView& view : passage.heads[place]) head["weights"].push_back(view.weight);
    json["heads"].push_back(std::move(head));
  }
  return json;
}

// The heads that give most, over all explained passages.
std::vector<size_t> leading_heads(const Explanation& explanation, int wanted) {
  std::vector<double> sizes(explanation.heads.size(), 0.0);
  std::vector<size_t> order(sizes.size());
  for (size_t h = 0; h < sizes.size(); ++h) {
    order[h] = h;
    for (const ExplainedPassage& passage : explanation.passages) sizes[h] += std::abs(passage.head_shares[h]);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  order.resize(std::min(order.size(), static_cast<size_t>(wanted)));
  return order;
}

Json query_json(const RerankRequest& request, const RerankQuery& query, const QueryAnswer& answer) {
  Json json;
  json["id"] = query.id;
  json["results"] = Json::array();
  std::vector<size_t> shown;
  if (answer.explanation) shown = leading_heads(*answer.explanation, request.explain->per_head);
  for (const ScoredPassage& hit : shown_results(request, answer)) {
    const Passage& passage = query.passages[static_cast<size_t>(hit.index)];
    Json result;
    result["index"] = hit.index;
    result["id"] = passage.id;
    result["relevance_score"] = hit.score;
    if (request.search_depth > 0) {
      result["first_stage"] = {{"rank", hit.index + 1}, {"score", passage.first_stage_score.value_or(0.0)}};
    }
    put_reading(result, hit);
    if (request.return_documents) put_document(result, passage);
    const size_t place = json["results"].size();
    if (answer.explanation && place < answer.explanation->passages.size() &&
        place < static_cast<size_t>(request.explain->passages)) {
      result["explanation"] =
          explanation_json(answer.explanation->passages[place], *answer.explanation, shown);
    }
    json["results"].push_back(std::move(result));
  }
  json["heads"] = head_names(answer.heads);
  if (answer.explanation) json["head_weights"] = answer.explanation->head_weights;
  const RankingStatistics& statistics = answer.statistics;
  json["statistics"] = statistics_json(statistics);
  if (request.timings) {
    json["timings"] = {{"tokenize_seconds", statistics.tokenize_seconds},
                       {"prefill_seconds", statistics.prefill_seconds},
                       {"read_seconds", statistics.read_seconds},
                       {"seconds", answer.seconds}};
  }
  return json;
}

// What both dialects take.
void read_options(FieldReader& fields, RerankRequest& request) {
  read_top(fields, "top_n", 0, request);
  read_top(fields, "top_k", 0, request);  // as the command line calls it
  request.return_documents = fields.optional_flag("return_documents").value_or(request.return_documents);
  request.timings = fields.optional_flag("timings").value_or(false);
  read_score(fields, "score", request);  // as the command line calls it
  read_settings(fields, request.settings);
  read_explain(fields, request);
}

}  // namespace

Result<RerankRequest> parse_own(const ParsedJson& body, const RequestLimits& limits) {
  FieldReader fields(body);
  RerankRequest request;
  read_common(fields, request);
  read_queries(fields, limits, request);
  read_options(fields, request);
  if (!fields.good()) return fail(fields.status().error());
  return request;
}

Result<RerankRequest> parse_search(const ParsedJson& body, const RequestLimits& limits) {
  constexpr int64_t kDepth = 40, kShown = 10;
  FieldReader fields(body);
  RerankRequest request;
  read_common(fields, request);
  request.queries.push_back({.id = "1", .text = read_query_text(fields, "query"), .passages = {}});
  const auto most = static_cast<int64_t>(limits.max_documents);
  request.search_depth =
      static_cast<int>(fields.optional_integer("depth", 1, most).value_or(std::min(kDepth, most)));
  request.top_n = kShown;
  request.return_documents = true;  // the client has no texts of its own
  read_options(fields, request);
  if (!fields.good()) return fail(fields.status().error());
  return request;
}

Json render_own(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  Json json;
  json["id"] = context.id;
  json["object"] = "headwise.rerank";
  json["model"] = context.model;
  json["score_scale"] = score_name(request);
  json["queries"] = Json::array();
  for (size_t i = 0; i < answer.queries.size(); ++i) {
    json["queries"].push_back(query_json(request, request.queries[i], answer.queries[i]));
  }
  if (request.timings) json["timings"] = {{"queue_seconds", answer.queue_seconds}};
  const int64_t tokens = answer.prompt_tokens();
  json["usage"] = {{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  return json;
}

}  // namespace headwise::serve
