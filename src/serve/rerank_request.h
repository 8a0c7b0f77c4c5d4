// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a request and its answer as the service handles them, whatever dialect the client spoke.
// Dialects turn bodies into these and these into bodies; the queue and the engine see nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headwise/explanation.h"
#include "headwise/reranker.h"
#include "serve/errors.h"

namespace headwise::serve {

// What a request wants otherwise than the server's own flags say, by the option's name: {"encoding", "list"},
// values as set_option() takes them. Requests with equal settings share an engine.
using RequestSettings = std::map<std::string, std::string>;

struct RerankQuery {
  std::string id;
  std::string text;
  std::vector<Passage> passages;
  std::string instruction{};  // what the model is asked to look for; empty: the request's
};

struct ExplainWish {
  int passages = 10;  // of each query, the best
  int per_head = 0;   // heads whose tokens are shown each for itself: those that give most
};

// What a client is told whose texts may not be cut, or not at the end, and are.
struct CutRefusal {
  Failure failure = Failure::kContextExceeded;
  std::string reason;  // "\"truncate\" is false"
};

struct RerankRequest {
  std::string model;                 // as the client named it; there is one model
  std::vector<RerankQuery> queries;  // one, except in the dialects `score` and `headwise`
  // Passages found by the first stage in the server's corpus, for queries that bring none; 0: all bring
  // theirs.
  int search_depth = 0;
  int64_t top_n = 0;  // results of each query; 0: all
  bool return_documents = false;
  std::string instruction;  // empty: the template's own words
  // Of the kind that the client sees, over the query's passages, before top_n; nothing: what the server's
  // flags say, or the dialect. What scores less than min_score is left out, in that kind.
  std::optional<ScoreKind> score;
  std::optional<double> min_score;
  std::optional<CutRefusal> refuses_cut;
  RequestSettings settings;
  std::optional<ExplainWish> explain;
  bool timings = false;
};

struct QueryAnswer {
  std::vector<ScoredPassage> results;  // best first, all of them, scores as the model gave them
  std::vector<HeadId> heads;
  RankingStatistics statistics;
  std::optional<Explanation> explanation;
  double seconds = 0.0;  // in the engine
};

struct RerankAnswer {
  std::vector<QueryAnswer> queries;
  double queue_seconds = 0.0;

  int64_t truncated_passages() const {
    int64_t sum = 0;
    for (const QueryAnswer& query : queries) sum += query.statistics.truncated_passages;
    return sum;
  }
  int64_t prompt_tokens() const {
    int64_t sum = 0;
    for (const QueryAnswer& query : queries) sum += query.statistics.prompt_tokens;
    return sum;
  }
  int64_t tokens_run() const {
    int64_t sum = 0;
    for (const QueryAnswer& query : queries) sum += query.statistics.tokens_run;
    return sum;
  }
};

}  // namespace headwise::serve
