// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "formats/candidate_json.h"

#include <algorithm>
#include <unordered_set>

#include "formats/record_names.h"
#include "formats/text_lines.h"

namespace headwise {
namespace {

using nlohmann::json;

const json* hit_list(const json& value) {
  const json* list = first_member(value, {"candidates", "paragraphs", "results"});
  return list != nullptr && list->is_array() ? list : nullptr;
}

// RankLLM nests the query, {"query": {"text", "qid"}}; the others do not.
Status read_query(const json& value, const JsonPlace& place, CandidateRequest& request) {
  const json* query = first_member(value, {"query", "question"});
  const json& holder = query != nullptr && query->is_object() ? *query : value;
  const json* id = first_member(holder, {"query_id", "qid", "idx", "_id", "id"});
  if (id == nullptr) {
    return place.fail("the query has no id: expected one of query_id, qid, idx, _id, id");
  }
  std::optional<std::string> name = id_text(*id);
  if (!name) return place.fail("the query's id is neither a string nor a whole number");
  request.query_id = *name;
  const json* text = &holder == &value ? query : first_member(holder, {"text"});
  if (text == nullptr) return {};
  if (!text->is_string()) return place.fail("the query's text is not a string");
  request.query_text = text->get<std::string>();
  return {};
}

Result<CandidateHit> read_hit(const json& value, const JsonPlace& place) {
  CandidateHit hit;
  const json* id = record_member(value, RecordMember::kId);
  if (id == nullptr) {
    return place.fail("a candidate has no id: expected an object with " + names_of(RecordMember::kId));
  }
  std::optional<std::string> name = id_text(*id);
  if (!name) return place.fail("a candidate's id is neither a string nor a whole number");
  hit.id = *name;
  if (const json* score = record_member(value, RecordMember::kScore)) {
    if (!score->is_number())
      return place.fail("the score of candidate " + in_quotes(hit.id) + " is not a number");
    hit.score = score->get<double>();
  }
  const json* doc = first_member(value, {"doc"});
  const json& holder = doc != nullptr && doc->is_object() ? *doc : value;
  if (const json* title = record_member(holder, RecordMember::kTitle);
      title != nullptr && title->is_string()) {
    hit.title = title->get<std::string>();
  }
  if (const json* text = record_member(holder, RecordMember::kText)) {
    if (!text->is_string())
      return place.fail("the text of candidate " + in_quotes(hit.id) + " is not a string");
    hit.text = text->get<std::string>();
  } else if (has_text_member(holder)) {
    hit.text = "";
  }
  if (const json* mark = first_member(value, {"is_supporting"})) {
    hit.relevant = mark->is_boolean() ? mark->get<bool>() : mark->is_number() && mark->get<double>() > 0;
  }
  return hit;
}

// QRHead's detection files list the ids of the relevant paragraphs.
void mark_listed(const json& value, CandidateRequest& request) {
  const json* listed = first_member(value, {"gt_docs"});
  if (listed == nullptr || !listed->is_array()) return;
  request.judged = true;
  std::unordered_set<std::string> relevant;
  for (const json& id : *listed) relevant.insert(id_text(id).value_or(""));
  for (CandidateHit& hit : request.hits) hit.relevant = hit.relevant || relevant.contains(hit.id);
}

}  // namespace

bool is_request(const json& value) { return hit_list(value) != nullptr; }

Result<CandidateRequest> read_request(const json& value, const JsonPlace& place) {
  const json* list = hit_list(value);
  if (list == nullptr) {
    return place.fail(
        "expected an object with a list named candidates (RankLLM), paragraphs (ICR, QRHead) or results");
  }
  CandidateRequest request;
  Status query = read_query(value, place, request);
  if (!query) return fail(std::move(query.error()));
  request.hits.reserve(list->size());
  for (const json& item : *list) {
    Result<CandidateHit> hit = read_hit(item, place);
    if (!hit) return fail(std::move(hit.error()));
    request.judged = request.judged || first_member(item, {"is_supporting"}) != nullptr;
    request.hits.push_back(std::move(*hit));
  }
  mark_listed(value, request);
  return request;
}

Result<std::vector<double>> hit_scores(const CandidateRequest& request, const JsonPlace& place) {
  const auto scored = std::count_if(request.hits.begin(), request.hits.end(),
                                    [](const CandidateHit& hit) { return hit.score.has_value(); });
  if (scored != 0 && scored != static_cast<std::ptrdiff_t>(request.hits.size())) {
    return place.fail("some candidates of query " + in_quotes(request.query_id) +
                      " have a score and some have none");
  }
  std::vector<double> scores;
  scores.reserve(request.hits.size());
  for (const CandidateHit& hit : request.hits) {
    scores.push_back(hit.score.value_or(1.0 / static_cast<double>(scores.size() + 1)));
  }
  return scores;
}

}  // namespace headwise
