// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the three ways `rerank` gets its work (one query, a stream of requests, a data set), the
// flags they share, and how one answer is written.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/app.h"
#include "common/dataset_flags.h"
#include "common/engine_flags.h"
#include "headwise/dataset.h"
#include "headwise/decoder_description.h"
#include "headwise/run.h"

namespace headwise {

enum class AnswerFormat { kTable, kJsonl, kTrec, kMsmarco, kRankllm };

struct RerankFlags : DatasetFlags {
  EngineSettings engine;
  std::string query;
  std::string query_id;
  std::string documents;
  std::string format;  // empty: the mode's own
  bool json = false;
  std::string output;
  bool restart = false;
};

Status rerank_one(const RerankFlags& flags, const AppContext& context);
Status rerank_stream(const RerankFlags& flags, const AppContext& context);
Status rerank_dataset(const RerankFlags& flags, const AppContext& context);

// --format, or --json, or `otherwise`.
AnswerFormat answer_format(const RerankFlags& flags, AnswerFormat otherwise);

// One query, its passages as they were given, and what the engine said.
struct Answer {
  std::string query_id;
  std::string query;
  std::span<const Passage> passages;
  const Ranking* ranking = nullptr;
  std::string heads;                              // Engine::describe_heads(); empty: the engine was not asked
  std::optional<DecoderDescription> computed_by;  // likewise
  double seconds = 0.0;                           // from request to ranking
  bool timings = true;  // jsonl: statistics with seconds; off where the same work must give the same bytes
};

// "backend" and "precision": what scores of two answers must share to be compared.
void add_computed_by(nlohmann::ordered_json& json, const std::string& backend, const std::string& precision);
// What was read of a passage: "truncated", and "empty" or "window" where they say something.
void add_reading(nlohmann::ordered_json& result, bool truncated, bool empty,
                 const std::optional<PassageWindow>& window);
// "2 of 20 passages are empty and stand last"; empty where none is.
std::string empty_note(int64_t empty, int64_t passages);
// "no passage of 20 scores 0.5 or more (--min-score)", or nothing.
std::string none_left_note(const EngineSettings& settings, const Ranking& ranking, size_t passages);

Result<std::string> format_answer(const Answer& answer, AnswerFormat format);
// The table for a person: rank, change against the given order, score, bar, text.
std::string format_table(const Answer& answer, int columns, bool colours);

// kInvalidInput naming an id that two passages share.
Status check_ids(std::span<const Passage> passages);

}  // namespace headwise
