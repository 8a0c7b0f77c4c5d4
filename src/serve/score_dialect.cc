// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The dialect `score`: vLLM's, pairs of texts under any of the names that it has had.
#include <array>
#include <utility>

#include "base/check.h"
#include "rerank/passage_text.h"
#include "serve/dialect_parts.h"
#include "serve/instructed_text.h"

namespace headwise::serve {
namespace {

// Left and right of each pair; the first that is given counts. vllm/entrypoints/pooling/scoring/protocol.py
constexpr std::array<const char*, 4> kFirst{"text_1", "queries", "data_1", "query"};
constexpr std::array<const char*, 4> kSecond{"text_2", "documents", "items", "data_2"};

const char* given_name(const FieldReader& fields, std::span<const char* const> names) {
  for (const char* name : names) {
    if (fields.find(name) != nullptr) return name;
  }
  return names.front();
}

}  // namespace

// One text for all on the right is one query; as many of each are as many queries.
Result<RerankRequest> parse_score(const ParsedJson& body, const RequestLimits& limits) {
  constexpr static const char* kTokens[] = {"max_tokens_per_doc", "truncate_prompt_tokens"};
  FieldReader fields(body);
  RerankRequest request;
  read_common(fields, request);
  const DocumentRules rules{.max_documents = limits.max_documents, .one_will_do = true};
  const char* const left = given_name(fields, kFirst);
  const char* const right = given_name(fields, kSecond);
  std::vector<Passage> first = read_documents(fields, left, rules);
  std::vector<Passage> second = read_documents(fields, right, rules);
  read_token_limits(fields, kTokens, -1, request);
  if (fields.good() && first.size() != 1 && first.size() != second.size()) {
    fields.complain(fields.name_of(left) + " must be one text, or as many as " + fields.name_of(right) +
                    " has: found " + std::to_string(first.size()) + " and " + std::to_string(second.size()));
  }
  for (size_t i = 0; i < first.size(); ++i) {
    const bool list = fields.find(left)->is_array();
    const std::string place = list ? left + ("[" + std::to_string(i) + "]") : left;
    if (is_white_space(first[i].text)) fields.complain(fields.name_of(place.c_str()) + " is empty");
  }
  if (!fields.good()) return fail(fields.status().error());
  if (first.size() == 1) {
    request.queries.push_back(
        {.id = "1", .text = std::move(first.front().text), .passages = std::move(second)});
    take_instructions_out(request);
    return request;
  }
  for (size_t i = 0; i < first.size(); ++i) {
    RerankQuery query{.id = std::to_string(i + 1), .text = std::move(first[i].text), .passages = {}};
    query.passages.push_back(std::move(second[i]));
    request.queries.push_back(std::move(query));
  }
  take_instructions_out(request);
  return request;
}

Json render_score(const RerankRequest& request, const RerankAnswer& answer, const AnswerContext& context) {
  std::vector<double> scores;  // in the order of the right side
  for (const QueryAnswer& query : answer.queries) {
    const size_t before = scores.size();
    scores.resize(before + query.results.size());
    // All of them, whatever they score.
    std::vector<ScoredPassage> hits = query.results;
    HW_CHECK(express_scores(request.score.value_or(ScoreKind::kRaw), hits));
    for (const ScoredPassage& hit : hits) {
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
  json["score_scale"] = score_name(request);
  const int64_t tokens = answer.prompt_tokens();
  json["usage"] = {{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  return json;
}

}  // namespace headwise::serve
