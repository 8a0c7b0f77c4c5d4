// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// One query with its candidates, as RankLLM, ICR, QRHead and our own JSONL write it, brought to one shape.
// The dialects differ in the names of their members only, so one reader with lists of names reads them all.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "formats/json_text.h"
#include "headwise/error.h"

namespace headwise {

struct CandidateHit {
  std::string id;
  std::optional<double> score;
  std::string title;
  std::optional<std::string> text;
  bool relevant = false;  // "is_supporting", or listed in "gt_docs"
};

struct CandidateRequest {
  std::string query_id;
  std::optional<std::string> query_text;
  std::vector<CandidateHit> hits;  // in file order
  bool judged = false;             // the request says which hits are relevant
};

// Whether the value has a list of candidates under one of the known names.
bool is_request(const nlohmann::json& value);
Result<CandidateRequest> read_request(const nlohmann::json& value, const JsonPlace& place);
// Every hit's score: its own, or 1/position when no hit of the request has one. Some with and some without:
// an error.
Result<std::vector<double>> hit_scores(const CandidateRequest& request, const JsonPlace& place);

}  // namespace headwise
