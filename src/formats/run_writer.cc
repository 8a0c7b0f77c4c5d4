// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Writers of runs: a table of formats, one function each.
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/utf8.h"
#include "formats/run_builder.h"
#include "formats/text_lines.h"
#include "headwise/dataset.h"
#include "headwise/run.h"

namespace headwise {
namespace {

using nlohmann::ordered_json;

struct QueryToWrite {
  const RunQuery& query;
  const std::vector<float>& scores;
  std::string_view run_name;
  const RunTexts& texts;
};

// Shortest digits that give the float back, also to programs that read a double first and round then.
std::string shortest(float score) {
  std::array<char, 32> buffer{};
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), score).ptr;
  std::string_view text(buffer.data(), static_cast<size_t>(end - buffer.data()));
  std::optional<double> back = parse_number(text);
  if (back && static_cast<float>(*back) == score) return std::string(text);
  end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<double>(score)).ptr;
  return {buffer.data(), end};
}

Status check_column(std::string_view what, std::string_view id, std::string_view format) {
  if (!id.empty() && id.find_first_of(" \t\v\f\r\n") == std::string_view::npos) return {};
  return fail(ErrorCode::kInvalidInput, "the " + std::string(what) + "'s id " + in_quotes(id) +
                                            (id.empty() ? " is empty" : " holds white space") + ": a " +
                                            std::string(format) + " run cannot hold it, use jsonl");
}

Result<std::string> trec_lines(const QueryToWrite& item) {
  HW_RETURN_IF_ERROR(check_column("query", item.query.id, "trec"));
  const std::string name(item.run_name.empty() ? "headwise" : item.run_name);
  HW_RETURN_IF_ERROR(check_column("run", name, "trec"));
  std::string text;
  for (size_t i = 0; i < item.scores.size(); ++i) {
    const std::string& id = item.query.entries[i].id;
    HW_RETURN_IF_ERROR(check_column("document", id, "trec"));
    text += item.query.id + " Q0 " + id + " " + std::to_string(i + 1) + " " + shortest(item.scores[i]) + " " +
            name + "\n";
  }
  return text;
}

Result<std::string> msmarco_lines(const QueryToWrite& item) {
  HW_RETURN_IF_ERROR(check_column("query", item.query.id, "msmarco"));
  std::string text;
  for (size_t i = 0; i < item.scores.size(); ++i) {
    const std::string& id = item.query.entries[i].id;
    HW_RETURN_IF_ERROR(check_column("document", id, "msmarco"));
    text += item.query.id + "\t" + id + "\t" + std::to_string(i + 1) + "\n";
  }
  return text;
}

// A float as the shortest double that rounds to it, so that JSON shows 0.1 and not 0.10000000149.
double as_written(float score) { return parse_number(shortest(score)).value_or(static_cast<double>(score)); }

std::string json_line(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<std::string> jsonl_line(const QueryToWrite& item) {
  ordered_json line;
  line["query_id"] = item.query.id;
  const Query* query = item.texts.queries == nullptr ? nullptr : item.texts.queries->find(item.query.id);
  if (query != nullptr) line["query"] = query->text;
  ordered_json& results = line["results"] = ordered_json::array();
  for (size_t i = 0; i < item.scores.size(); ++i) {
    results.push_back(
        {{"id", item.query.entries[i].id}, {"score", as_written(item.scores[i])}, {"rank", i + 1}});
  }
  return json_line(line);
}

Result<std::string> rankllm_line(const QueryToWrite& item) {
  const Query* query = item.texts.queries == nullptr ? nullptr : item.texts.queries->find(item.query.id);
  if (query == nullptr) {
    return fail(ErrorCode::kUsage, "the rankllm format holds texts, and that of query " +
                                       in_quotes(item.query.id) + " is not known");
  }
  ordered_json line;
  line["query"] = {{"text", query->text}, {"qid", query->id}};
  ordered_json& candidates = line["candidates"] = ordered_json::array();
  for (size_t i = 0; i < item.scores.size(); ++i) {
    const std::string& id = item.query.entries[i].id;
    const Document* document = item.texts.documents == nullptr ? nullptr : item.texts.documents->find(id);
    if (document == nullptr) {
      return fail(ErrorCode::kUsage,
                  "the rankllm format holds texts, and that of document " + in_quotes(id) + " is not known");
    }
    ordered_json doc;
    if (!document->title.empty()) doc["title"] = document->title;
    doc["text"] = document->text;
    candidates.push_back({{"docid", id}, {"score", as_written(item.scores[i])}, {"doc", std::move(doc)}});
  }
  return json_line(line);
}

struct FormatRow {
  RunFormat format;
  std::string_view name;
  Result<std::string> (*write)(const QueryToWrite&);
};

constexpr std::array<FormatRow, 4> kFormats{{
    {RunFormat::kTrec, "trec", trec_lines},
    {RunFormat::kMsmarco, "msmarco", msmarco_lines},
    {RunFormat::kJsonl, "jsonl", jsonl_line},
    {RunFormat::kRankllm, "rankllm", rankllm_line},
}};

}  // namespace

Result<RunFormat> run_format_named(std::string_view name) {
  std::string known;
  for (const FormatRow& row : kFormats) {
    if (row.name == name) return row.format;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  return fail(ErrorCode::kUsage, "unknown run format " + in_quotes(name) + ": expected one of " + known);
}

Result<std::vector<float>> strictly_decreasing(std::span<const double> scores) {
  std::vector<float> written;
  written.reserve(scores.size());
  for (double score : scores) {
    if (!fits_float(score)) {
      return fail(ErrorCode::kInvalidInput, "the score at rank " + std::to_string(written.size() + 1) +
                                                " is not a finite 32-bit float");
    }
    float value = static_cast<float>(score);
    if (!written.empty() && !(value < written.back())) {
      value = std::nextafterf(written.back(), -std::numeric_limits<float>::infinity());
      if (!std::isfinite(value)) {
        return fail(ErrorCode::kInvalidInput, "the scores cannot be made to decrease: rank " +
                                                  std::to_string(written.size()) + " has the lowest float");
      }
    }
    written.push_back(value);
  }
  return written;
}

Result<std::string> format_run_query(const RunQuery& query, RunFormat format, std::string_view run_name,
                                     const RunTexts& texts) {
  std::vector<double> scores;
  scores.reserve(query.entries.size());
  for (const RunEntry& entry : query.entries) scores.push_back(entry.score);
  Result<std::vector<float>> written = strictly_decreasing(scores);
  if (!written) return fail(std::move(written.error()).with_context("writing query " + in_quotes(query.id)));
  for (const FormatRow& row : kFormats) {
    if (row.format == format) return row.write({query, *written, run_name, texts});
  }
  return fail(ErrorCode::kInternal, "run format without a writer");
}

Result<std::string> format_run_query(const RunQuery& query, RunFormat format, std::string_view run_name) {
  return format_run_query(query, format, run_name, {});
}

Status write_run(const Run& run, const std::filesystem::path& path, RunFormat format, const RunTexts& texts) {
  std::string text;
  for (const RunQuery& query : run.queries) {
    Result<std::string> lines = format_run_query(query, format, run.name, texts);
    HW_RETURN_IF_ERROR(lines);
    text += *lines;
  }
  return write_file_atomically(path, text);
}

Status write_run(const Run& run, const std::filesystem::path& path, RunFormat format) {
  return write_run(run, path, format, {});
}

}  // namespace headwise
