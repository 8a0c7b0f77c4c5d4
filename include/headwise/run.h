// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a run, the ranked answers to many queries, as every retrieval tool exchanges it: its
// types, readers and writers. Measures are in evaluation.h, texts in dataset.h.
//
//   auto run = headwise::read_run("run.bm25.trec");
//   for (const headwise::RunQuery& query : run->queries)
//     for (const headwise::RunEntry& entry : query.entries) use(query.id, entry.id, entry.rank);
//   headwise::write_run(*run, "copy.trec", headwise::RunFormat::kTrec);
//
// Order of a run that was read: queries as they first appear in the file, answers as trec_eval orders them:
// score descending, scores compared as 32-bit floats, then id descending. Ranks written in a TREC file are
// not used, for trec_eval does not use them either.
//
// Thread rule: plain values and free functions without state.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct RunTexts;  // dataset.h

struct RunEntry {
  std::string id;      // of the document
  double score = 0.0;  // finite, also as a float; 1/rank when the file has ranks only (MS MARCO, ICR)
  int rank = 0;        // 1 is best
};

struct RunQuery {
  std::string id;
  std::vector<RunEntry> entries;  // best first
};

struct Run {
  std::string name;  // TREC: the last column of the first line; else empty
  std::vector<RunQuery> queries;
  // Looks through all queries: make a table of your own to ask often.
  const RunQuery* find(std::string_view query_id) const;
};

enum class RunFormat {
  kTrec,     // query Q0 document rank score name
  kMsmarco,  // query <tab> document <tab> rank
  kJsonl,    // {"query_id", "query", "results": [{"id", "score", "rank"}]}, one query a line
  kRankllm,  // RankLLM requests: {"query": {"text", "qid"}, "candidates": [{"docid", "score", "doc"}]}, one a
             // line
};
// "trec", "msmarco", "jsonl", "rankllm"; an unknown name is kUsage and lists them.
Result<RunFormat> run_format_named(std::string_view name);

// Reads any of these, told apart by content: the formats above, a JSON array of RankLLM requests, ICR and
// QRHead candidate files (JSON or JSONL: "idx", "question", "paragraphs"), {"query": {"document": score}} as
// pytrec_eval takes it. "-" is standard input. kInvalidInput, naming file and line, for a malformed line, a
// document given twice for one query, a score that is not a finite 32-bit float, or a file without results.
Result<Run> read_run(const std::filesystem::path& path);
// The same from memory; `source` is the name used in messages.
Result<Run> parse_run(std::string_view text, std::string_view source);

// Sorts as trec_eval does and numbers the ranks.
void sort_like_trec_eval(RunQuery& query);

// The scores as written: equal to the given ones as floats where these already strictly decrease, else the
// next lower float each time, so that every tool keeps the given order. kInvalidInput when one is not finite.
Result<std::vector<float>> strictly_decreasing(std::span<const double> scores);

// One query's answers, in the order of `entries`, ending in a newline: for programs that write as they go.
// The rankllm format needs texts; jsonl adds the query's text when it is known. kInvalidInput for an id that
// the format cannot hold (empty, or with white space in a TREC run).
Result<std::string> format_run_query(const RunQuery& query, RunFormat format, std::string_view run_name,
                                     const RunTexts& texts);
Result<std::string> format_run_query(const RunQuery& query, RunFormat format, std::string_view run_name);

// Writes the file whole or not at all.
Status write_run(const Run& run, const std::filesystem::path& path, RunFormat format, const RunTexts& texts);
Status write_run(const Run& run, const std::filesystem::path& path, RunFormat format);

}  // namespace headwise
