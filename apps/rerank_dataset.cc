// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `rerank --dataset DIR --run FILE`: every query of a first-stage run. With --output the finished queries are
// kept in OUTPUT.partial (jobs/journal.h) until all are done; then OUTPUT is written in one piece, in the
// run's order of queries.
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/check.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "jobs/journal.h"
#include "jobs/run_header.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

struct Totals {
  int64_t queries = 0, passages = 0, tokens = 0;
};

void print_summary(const AppContext& context, const Totals& totals, double seconds) {
  if (totals.queries == 0 || seconds <= 0) return;
  char text[200];
  std::snprintf(text, sizeof text,
                "%lld queries, %lld passages, %lld tokens in %.1f s (%.3g queries/s, %.0f tokens/s)",
                static_cast<long long>(totals.queries), static_cast<long long>(totals.passages),
                static_cast<long long>(totals.tokens), seconds, static_cast<double>(totals.queries) / seconds,
                static_cast<double>(totals.tokens) / seconds);
  print_note(context.verb, context.quiet, text);
}

}  // namespace

Status rerank_dataset(const RerankFlags& flags, const AppContext& context) {
  const AnswerFormat format = answer_format(flags, AnswerFormat::kTrec);
  if (format == AnswerFormat::kTable) {
    return fail(ErrorCode::kUsage,
                "--format table is for one query; a data set is written as trec, jsonl, msmarco or rankllm");
  }
  const bool to_file = !flags.output.empty() && flags.output != "-";
  if (flags.restart && !to_file) return fail(ErrorCode::kUsage, "--restart needs --output FILE");
  if (to_file) HW_RETURN_IF_ERROR(check_output_file(flags.output));
  auto work = gather_work(flags, context);
  if (!work) return fail(std::move(work.error()));
  auto engine = load_engine(flags.engine);
  if (!engine) return fail(std::move(engine.error()));

  std::optional<Journal> journal;
  if (to_file) {
    const std::string name = flags.json ? "jsonl" : flags.format.empty() ? "trec" : flags.format;
    auto header = run_header(*engine, flags, *work, {.format = name, .version = HEADWISE_VERSION});
    if (!header) return fail(std::move(header.error()));
    auto opened = Journal::open(flags.output + ".partial", *header, flags.restart);
    if (!opened) return fail(std::move(opened.error()));
    journal.emplace(std::move(*opened));
    if (!journal->finished().empty()) {
      print_note(context.verb, context.quiet,
                 "going on from '" + journal->path().string() +
                     "': " + std::to_string(journal->finished().size()) + " of " +
                     std::to_string(work->requests.size()) + " queries are done");
    }
  }

  const StopSignals signals;
  StopOnly stop;
  ProgressBar bar(context.verb, context.quiet);
  const auto total = static_cast<int64_t>(work->requests.size());
  int64_t done = journal ? static_cast<int64_t>(journal->finished().size()) : 0;
  bar.start_at(done);
  Totals totals;
  const auto begun = std::chrono::steady_clock::now();
  for (const DatasetRequest& request : work->requests) {
    if (journal && journal->finished().contains(request.number)) continue;
    const auto ranking = engine->rank(request.query, request.passages, &stop);
    if (!ranking && ranking.error().code() == ErrorCode::kCancelled) {
      bar.finish();
      return fail(ErrorCode::kCancelled, "interrupted after " + std::to_string(done) + " of " +
                                             std::to_string(total) + " queries" +
                                             (journal ? "; they are kept in '" + journal->path().string() +
                                                            "' and the same command goes on from there"
                                                      : ""));
    }
    if (!ranking) return fail(Error(ranking.error()).with_context("re-ranking query '" + request.id + "'"));
    auto text = format_answer({.query_id = request.id,
                               .query = request.query,
                               .passages = request.passages,
                               .ranking = &*ranking,
                               .heads = engine->describe_heads(ranking->heads),
                               .seconds = 0.0,
                               .timings = false},
                              format);
    if (!text) return fail(std::move(text.error()).with_context("writing query '" + request.id + "'"));
    if (journal) {
      HW_RETURN_IF_ERROR(journal->append(request.number, std::move(*text)));
    } else {
      HW_RETURN_IF_ERROR(write_stdout(*text));
    }
    ++totals.queries;
    totals.passages += static_cast<int64_t>(request.passages.size());
    totals.tokens += ranking->statistics.prompt_tokens;
    bar.advance("queries", ++done, total);
  }
  bar.finish();
  if (journal) {
    std::string whole;
    for (const auto& [number, text] : journal->finished()) whole += text;
    HW_RETURN_IF_ERROR(write_result(flags.output, whole));
    journal->remove();
  }
  print_summary(context, totals,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
  return {};
}

}  // namespace headwise
