// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// How one answer becomes text: JSON lines here, the table in rerank_table.cc, run formats in the library.
#include <array>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "common/output.h"
#include "common/terminal.h"
#include "engine/statistics_json.h"
#include "headwise/engine.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

struct FormatRow {
  const char* name;
  AnswerFormat format;
  std::optional<RunFormat> run;  // the library writes it
};
constexpr std::array<FormatRow, 5> kFormats{{{"table", AnswerFormat::kTable, std::nullopt},
                                             {"jsonl", AnswerFormat::kJsonl, std::nullopt},
                                             {"trec", AnswerFormat::kTrec, RunFormat::kTrec},
                                             {"msmarco", AnswerFormat::kMsmarco, RunFormat::kMsmarco},
                                             {"rankllm", AnswerFormat::kRankllm, RunFormat::kRankllm}}};

constexpr const char* kRunName = "headwise";

std::string format_jsonl(const Answer& answer) {
  Json json;
  json["query_id"] = answer.query_id;
  json["query"] = answer.query;
  if (answer.computed_by) add_computed_by(json, answer.computed_by->backend, answer.computed_by->precision);
  json["results"] = Json::array();
  int rank = 0;
  for (const ScoredPassage& hit : answer.ranking->passages) {
    Json result;
    result["id"] = answer.passages[static_cast<size_t>(hit.index)].id;
    result["index"] = hit.index;
    result["score"] = hit.score;
    result["rank"] = ++rank;
    add_reading(result, hit.truncated, hit.empty, hit.window);
    json["results"].push_back(std::move(result));
  }
  if (answer.timings) {
    json["statistics"] = statistics_json(answer.ranking->statistics);
    json["statistics"]["seconds"] = answer.seconds;
  }
  return json_text(json, -1);
}

Result<std::string> format_as_run(const Answer& answer, RunFormat format) {
  Queries queries;
  queries.add({.id = answer.query_id, .text = answer.query});
  Documents documents;
  RunQuery run{.id = answer.query_id, .entries = {}};
  for (const ScoredPassage& hit : answer.ranking->passages) {
    const Passage& passage = answer.passages[static_cast<size_t>(hit.index)];
    run.entries.push_back(
        {.id = passage.id, .score = hit.score, .rank = static_cast<int>(run.entries.size()) + 1});
    documents.add({.id = passage.id, .title = passage.title, .text = passage.text});
  }
  return format_run_query(run, format, kRunName, {.queries = &queries, .documents = &documents});
}

}  // namespace

void add_computed_by(Json& json, const std::string& backend, const std::string& precision) {
  json["backend"] = backend;
  json["precision"] = precision;
}

void add_reading(Json& result, bool truncated, bool empty, const std::optional<PassageWindow>& window) {
  result["truncated"] = truncated;
  if (empty) result["empty"] = true;
  if (!window) return;
  result["window"] = {
      {"number", window->number}, {"count", window->count}, {"begin", window->begin}, {"end", window->end}};
}

std::string empty_note(int64_t empty, int64_t passages) {
  if (empty == 0) return {};
  return std::to_string(empty) + " of " + std::to_string(passages) +
         (empty == 1 ? " passages is empty and stands last" : " passages are empty and stand last");
}

std::string none_left_note(const EngineSettings& settings, const Ranking& ranking, size_t passages) {
  if (!settings.min_score || passages == 0 || !ranking.passages.empty()) return {};
  return "no passage of " + std::to_string(passages) + " scores " + option_text(settings, "min-score") +
         " or more (--min-score)";
}

AnswerFormat answer_format(const RerankFlags& flags, AnswerFormat otherwise) {
  if (flags.json) return AnswerFormat::kJsonl;
  for (const FormatRow& row : kFormats) {
    if (flags.format == row.name) return row.format;
  }
  return otherwise;
}

Result<std::string> format_answer(const Answer& answer, AnswerFormat format) {
  if (format == AnswerFormat::kTable) return format_table(answer, terminal_columns(), colours_wanted());
  for (const FormatRow& row : kFormats) {
    if (row.format == format && row.run) return format_as_run(answer, *row.run);
  }
  return format_jsonl(answer);
}

Status check_ids(std::span<const Passage> passages) {
  std::unordered_set<std::string_view> seen;
  for (const Passage& passage : passages) {
    if (!seen.insert(passage.id).second) {
      return fail(ErrorCode::kInvalidInput, "two passages have the id '" + passage.id + "'; ids must differ");
    }
  }
  return {};
}

}  // namespace headwise
