// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `rerank --dataset DIR --run FILE`: every query of a first-stage run. With --output the finished queries are
// kept in OUTPUT.partial (common/journal.h) until all are done; then OUTPUT is written in one piece, in the
// run's order of queries.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/check.h"
#include "common/diagnostics.h"
#include "common/journal.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "kernels/kernels.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

struct Shard {
  size_t index = 0;  // zero based
  size_t count = 1;
};

Result<Shard> parse_shard(const std::string& text) {
  if (text.empty()) return Shard{};
  Shard shard;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.index);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, shard.count);
    if (second.ec == std::errc() && second.ptr == end && shard.index >= 1 && shard.index <= shard.count) {
      --shard.index;
      return shard;
    }
  }
  return fail(ErrorCode::kUsage, "--shard: expected i/n with 1 <= i <= n, such as 1/2; found '" + text + "'");
}

// One query with its texts, ready for the engine.
struct Request {
  int64_t number = 0;  // place in the whole run's order
  std::string id;
  std::string query;
  std::vector<Passage> passages;
};

struct Work {
  std::vector<Request> requests;
  std::string fingerprint;  // of every text, id and first-stage score among them
};

// Keeps the run's queries that --split and --queries ask for, and of each the first --depth candidates.
Status narrow(Run& run, const RerankFlags& flags, const AppContext& context) {
  if (!flags.split.empty()) {
    if (flags.dataset.empty()) return fail(ErrorCode::kUsage, "--split needs --dataset");
    const auto qrels = read_qrels(std::filesystem::path(flags.dataset) / "qrels" / (flags.split + ".tsv"));
    if (!qrels)
      return fail(Error(qrels.error()).with_context("reading the judgements of --split " + flags.split));
    IdSet judged;
    for (const JudgedQuery& query : qrels->queries) judged.insert(query.id);
    const size_t left_out =
        std::erase_if(run.queries, [&](const RunQuery& query) { return !judged.contains(query.id); });
    if (run.queries.empty()) {
      return fail(ErrorCode::kInvalidInput, "no query of '" + flags.run + "' is judged in split '" +
                                                flags.split +
                                                "'; without --split all queries of the run are taken");
    }
    if (left_out > 0) {
      print_note(context.verb, context.quiet,
                 std::to_string(left_out) + " queries of the run are not judged in split '" + flags.split +
                     "' and are left out");
    }
  }
  if (flags.queries > 0 && run.queries.size() > static_cast<size_t>(flags.queries)) {
    run.queries.resize(static_cast<size_t>(flags.queries));
  }
  for (RunQuery& query : run.queries) {
    if (flags.depth > 0 && query.entries.size() > static_cast<size_t>(flags.depth)) {
      query.entries.resize(static_cast<size_t>(flags.depth));
    }
  }
  return {};
}

Result<Request> make_request(const RunQuery& candidates, const Queries& queries, const Documents& documents,
                             int64_t number) {
  const Query* query = queries.find(candidates.id);
  if (query == nullptr) {
    return fail(ErrorCode::kInvalidInput,
                "query '" + candidates.id + "' of the run is not in the data set's queries");
  }
  Request request{.number = number, .id = candidates.id, .query = query->text, .passages = {}};
  for (const RunEntry& entry : candidates.entries) {
    const Document* document = documents.find(entry.id);
    if (document == nullptr) {
      return fail(ErrorCode::kInvalidInput, "document '" + entry.id + "' of query '" + candidates.id +
                                                "' is not in the data set's corpus");
    }
    request.passages.push_back(
        {.id = entry.id, .title = document->title, .text = document->text, .first_stage_score = entry.score});
  }
  return request;
}

Result<Work> gather(const RerankFlags& flags, const Shard& shard, const AppContext& context) {
  Run run;
  Queries queries;
  std::vector<Documents> documents;  // one for all queries, or one for each
  if (flags.dataset.empty()) {
    auto file = read_candidates(flags.run);
    if (!file) {
      return fail(std::move(file.error())
                      .with_context("reading --run as a file with its own texts (no --dataset given)"));
    }
    run = std::move(file->run);
    queries = std::move(file->queries);
    documents = std::move(file->documents);
    HW_RETURN_IF_ERROR(narrow(run, flags, context));  // takes from the end only: documents[i] stays in step
  } else {
    auto read = read_run(flags.run);
    if (!read) return fail(std::move(read.error()).with_context("reading --run"));
    run = std::move(*read);
    HW_RETURN_IF_ERROR(narrow(run, flags, context));
    auto texts =
        read_beir(flags.dataset, {.split = "", .documents = document_ids(run), .queries = query_ids(run)});
    if (!texts) return fail(std::move(texts.error()).with_context("reading --dataset"));
    queries = std::move(texts->queries);
    documents.push_back(std::move(texts->documents));
  }
  Work work;
  Fingerprint fingerprint;
  for (size_t i = 0; i < run.queries.size(); ++i) {
    if (i % shard.count != shard.index) continue;
    auto request = make_request(run.queries[i], queries, documents.size() == 1 ? documents[0] : documents[i],
                                static_cast<int64_t>(i));
    if (!request) return fail(std::move(request.error()));
    fingerprint.add(request->id);
    fingerprint.add(request->query);
    for (const Passage& passage : request->passages) {
      fingerprint.add(passage.id);
      fingerprint.add(passage.title);
      fingerprint.add(passage.text);
      fingerprint.add(passage.first_stage_score.value_or(0.0));
    }
    work.requests.push_back(std::move(*request));
  }
  if (work.requests.empty()) {
    return fail(ErrorCode::kUsage, "--shard " + flags.shard + " of " + std::to_string(run.queries.size()) +
                                       " queries holds none; use fewer shards");
  }
  work.fingerprint = fingerprint.hex();
  return work;
}

// What decides the bytes of the output. Two runs with equal headers give equal files. The instruction set is
// in it because kernels round differently on each.
Result<Json> journal_header(const RerankFlags& flags, const Engine& engine, const Work& work,
                            const std::string& format) {
  const auto kernels = kernels::select_kernels();
  if (!kernels) return fail(kernels.error());
  Json header;
  header["headwise_partial"] = 1;
  header["version"] = HEADWISE_VERSION;
  header["instruction-set"] = (*kernels)->name;
  header["model"] = engine.model->fingerprint();
  header["format"] = format;
  header["split"] = flags.split;
  header["depth"] = flags.depth;
  header["shard"] = flags.shard.empty() ? "1/1" : flags.shard;
  header["queries"] = work.requests.size();
  header["texts and first stage"] = work.fingerprint;
  header["flags"] = options_that_decide(flags.engine);
  return header;
}

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
  auto shard = parse_shard(flags.shard);
  if (!shard) return fail(std::move(shard.error()));
  auto work = gather(flags, *shard, context);
  if (!work) return fail(std::move(work.error()));
  auto engine = load_engine(flags.engine);
  if (!engine) return fail(std::move(engine.error()));

  std::optional<Journal> journal;
  if (to_file) {
    const std::string name = flags.json ? "jsonl" : flags.format.empty() ? "trec" : flags.format;
    auto header = journal_header(flags, *engine, *work, name);
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
  const std::string heads = describe_heads(engine->reranker);
  const auto total = static_cast<int64_t>(work->requests.size());
  int64_t done = journal ? static_cast<int64_t>(journal->finished().size()) : 0;
  bar.start_at(done);
  Totals totals;
  const auto begun = std::chrono::steady_clock::now();
  for (const Request& request : work->requests) {
    if (journal && journal->finished().contains(request.number)) continue;
    const auto ranking = engine->reranker.rank(request.query, request.passages, &stop);
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
                               .heads = heads,
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
