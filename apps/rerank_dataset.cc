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
#include "base/stopwatch.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "jobs/ranking_job.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

struct Totals {
  int64_t queries = 0, passages = 0, kept = 0, tokens = 0, cut = 0, empty = 0;
};

void print_summary(const AppContext& context, const Totals& totals, double seconds) {
  if (totals.queries == 0 || seconds <= 0) return;
  char text[200];
  const std::string kept = totals.kept > 0 ? " (" + std::to_string(totals.kept) + " kept)" : "";
  std::snprintf(text, sizeof text,
                "%lld queries, %lld passages%s, %lld tokens in %.1f s (%.3g queries/s, %.0f tokens/s)",
                static_cast<long long>(totals.queries), static_cast<long long>(totals.passages), kept.c_str(),
                static_cast<long long>(totals.tokens), seconds, static_cast<double>(totals.queries) / seconds,
                static_cast<double>(totals.tokens) / seconds);
  print_note(context.verb, context.quiet, text);
  if (totals.cut > 0) {
    print_note(context.verb, context.quiet,
               std::to_string(totals.cut) + " of " + std::to_string(totals.passages) +
                   " passages were longer than --max-words or --max-tokens and were cut; --long chunk reads "
                   "all of them");
  }
  if (totals.empty > 0) print_note(context.verb, context.quiet, empty_note(totals.empty, totals.passages));
}

Result<std::string> answer_to(const DatasetRequest& request, const Ranking& ranking, const Engine& engine,
                              AnswerFormat format) {
  auto text = format_answer({.query_id = request.id,
                             .query = request.query,
                             .passages = request.passages,
                             .ranking = &ranking,
                             .heads = engine.describe_heads(ranking.heads),
                             .computed_by = engine.reranker.decoder(),
                             .seconds = 0.0,
                             .timings = false},
                            format);
  if (!text) return fail(std::move(text.error()).with_context("writing query '" + request.id + "'"));
  return text;
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

  const std::string name = flags.json ? "jsonl" : flags.format.empty() ? "trec" : flags.format;
  const std::string output = to_file ? flags.output : "";
  auto job = open_ranking_job(*engine, flags, std::move(*work),
                              {.path = output, .format = name, .restart = flags.restart});
  if (!job) return fail(std::move(job.error()));
  const std::string kept = to_file ? "'" + output + ".partial'" : "";
  if (job->done() > 0) {
    print_note(context.verb, context.quiet,
               "going on from " + kept + ": " + std::to_string(job->done()) + " of " +
                   std::to_string(job->total()) + " queries are done");
  }

  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  bar.start_at(job->done());
  Totals totals;
  const auto begun = std::chrono::steady_clock::now();
  const Status ranked = job->run(
      [&](const DatasetRequest& request, ProgressSink* stop) -> Result<std::string> {
        const auto ranking = engine->rank(request.query, request.passages, stop);
        if (!ranking) {
          return fail(Error(ranking.error()).with_context("re-ranking query '" + request.id + "'"));
        }
        auto text = answer_to(request, *ranking, *engine, format);
        if (!text) return text;
        ++totals.queries;
        totals.passages += static_cast<int64_t>(request.passages.size());
        totals.cut += ranking->statistics.truncated_passages;
        totals.empty += ranking->statistics.empty_passages;
        totals.kept += ranking->statistics.passages_kept;
        totals.tokens += ranking->statistics.tokens_run;
        if (to_file) return text;
        HW_RETURN_IF_ERROR(write_stdout(*text));
        return std::string();
      },
      &bar, to_file ? "; they are kept in " + kept + " and the same command goes on from there" : "");
  HW_RETURN_IF_ERROR(ranked);
  bar.finish();
  HW_RETURN_IF_ERROR(finish_ranking_job(*job, output));
  print_summary(context, totals, seconds_since(begun));
  return {};
}

}  // namespace headwise
