// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `explain --json` (docs/formats.md#explanations).
#include <utility>

#include "common/output.h"
#include "engine/statistics_json.h"
#include "explain.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

Json heads_json(const ExplainedPassage& passage, const Explanation& explanation) {
  Json heads = Json::array();
  for (size_t h = 0; h < passage.heads.size(); ++h) {
    Json head;
    head["head"] = to_string(explanation.heads[h]);
    head["weights"] = Json::array();
    head["attention"] = Json::array();
    head["dropped"] = Json::array();
    for (size_t token = 0; token < passage.heads[h].size(); ++token) {
      const HeadTokenView& view = passage.heads[h][token];
      head["weights"].push_back(view.weight);
      head["attention"].push_back(view.attention);
      if (view.dropped) head["dropped"].push_back(token);
    }
    heads.push_back(std::move(head));
  }
  return heads;
}

Json passage_json(const ExplainedPassage& passage, const ExplainedAnswer& answer, int rank) {
  Json json;
  json["id"] = answer.passages[static_cast<size_t>(passage.index)].id;
  json["index"] = passage.index;
  json["rank"] = rank;
  json["score"] = passage.score;
  json["attention_score"] = passage.attention_score;
  add_reading(json, passage.truncated, passage.empty, passage.window);
  if (passage.fused) {
    json["fused"] = {{"ours", passage.fused->ours}, {"first_stage", passage.fused->first_stage}};
  }
  json["text"] = passage.text;
  json["tokens"] = Json::array();
  for (const ExplainedToken& token : passage.tokens) {
    Json entry;
    entry["id"] = token.id;
    entry["text"] = passage.text.substr(token.begin, token.end - token.begin);
    entry["begin"] = token.begin;
    entry["end"] = token.end;
    entry["weight"] = token.weight;
    entry["attention"] = token.attention;
    if (token.dropped_by > 0) entry["dropped_by"] = token.dropped_by;
    json["tokens"].push_back(std::move(entry));
  }
  json["head_shares"] = passage.head_shares;
  if (answer.per_head) json["heads"] = heads_json(passage, *answer.explanation);
  return json;
}

}  // namespace

std::string explain_json(const ExplainedAnswer& answer) {
  const Explanation& explanation = *answer.explanation;
  Json json;
  json["query_id"] = answer.query_id;
  json["query"] = answer.query;
  add_computed_by(json, answer.backend, answer.precision);
  json["calibration"] = answer.calibration;
  json["encoding"] = answer.encoding;
  json["heads"] = Json::array();
  for (HeadId head : explanation.heads) json["heads"].push_back(to_string(head));
  json["head_weights"] = explanation.head_weights;
  json["passages"] = Json::array();
  int rank = 0;
  for (const ExplainedPassage& passage : explanation.passages) {
    json["passages"].push_back(passage_json(passage, answer, ++rank));
  }
  json["statistics"] = statistics_json(explanation.statistics);
  return json_text(json, -1);
}

}  // namespace headwise
