// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `search`: from a question to answers. BM25 finds the first candidates in a collection
// (search/index.h), the engine orders the best of them; with --explain it also says why.
#include <chrono>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/stopwatch.h"
#include "base/utf8.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/program.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/terminal.h"
#include "common/value_checks.h"
#include "engine/statistics_json.h"
#include "explain.h"
#include "formats/left_out_json.h"
#include "rerank_modes.h"
#include "search/index.h"

namespace headwise {
namespace {

struct SearchFlags : RerankFlags {
  SearchPlace place;
  std::string queries_file;
  bool query_given = false;
  bool no_rerank = false;
  bool explain = false;
  bool per_head = false;
  std::string report;
};

Status contradiction(const std::string& text) { return fail(ErrorCode::kUsage, text); }

Status check_flags(const SearchFlags& flags) {
  if (flags.query_given && !flags.queries_file.empty()) {
    return contradiction("--query asks one question, --queries a file of them: give one of the two");
  }
  if (!flags.query_given && flags.queries_file.empty()) {
    return contradiction("nothing to search for: give --query Q, or --queries FILE with --no-rerank");
  }
  const bool explained = flags.explain || !flags.report.empty();
  if (flags.no_rerank && explained)
    return contradiction("--explain and --report need the engine; leave --no-rerank out");
  if (!flags.queries_file.empty() && !flags.no_rerank) {
    return contradiction(
        "--queries writes a first-stage run: add --no-rerank, then re-rank it with `headwise rerank "
        "--dataset DIR --run FILE`, which goes on where it stopped");
  }
  const bool scored = is_typed("--score") || is_typed("--min-score");
  if (explained && scored) {
    return contradiction("--score and --min-score are for rankings; an explanation splits raw scores");
  }
  if (flags.no_rerank && (scored || is_typed("--instruction"))) {
    return contradiction(
        "--score, --min-score and --instruction are for the engine's ranking; leave --no-rerank out");
  }
  if (explained && !flags.format.empty()) {
    return contradiction("--format is for rankings; an explanation is text, or --json");
  }
  if (const auto at = first_invalid_utf8(flags.query)) {
    return fail(ErrorCode::kInvalidInput, "--query is not UTF-8: byte " + std::to_string(*at) +
                                              " starts no valid character; convert it, e.g. with iconv");
  }
  if (!flags.report.empty()) HW_RETURN_IF_ERROR(check_output_file(flags.report, "--report"));
  return flags.output.empty() || flags.output == "-" ? Status{} : check_output_file(flags.output);
}

Result<SearchIndex> open_index(const SearchFlags& flags, const AppContext& context) {
  ProgressBar bar(context.verb, context.quiet);
  auto index = SearchIndex::open(flags.place, &bar);
  bar.finish();
  if (index && index->build_reason() == BuildReason::kOlderVersion) {
    print_note(context.verb, context.quiet, "the index was one of an earlier headwise; it was built anew");
  }
  if (index && index->build_reason() != BuildReason::kNone) {
    print_note(context.verb, context.quiet,
               "indexed " + std::to_string(index->documents()) + " documents; the index is kept in '" +
                   index->file().string() + "'");
    if (index->left_out().files() > 0) {
      print_note(context.verb, context.quiet, index->left_out().summary());
    }
  }
  return index;
}

// The first stage's own order, its best `top_k`.
Ranking order_found(const std::vector<Passage>& passages, int top_k) {
  Ranking ranking;
  for (const Passage& passage : passages) {
    const int index = static_cast<int>(ranking.passages.size());
    if (top_k > 0 && index == top_k) break;
    ranking.passages.push_back({.index = index, .score = passage.first_stage_score.value_or(0.0)});
  }
  return ranking;
}

// Unlike `rerank`, whose caller has the texts, the answer carries them.
std::string search_json(const Answer& answer, const LeftOut& left_out) {
  Json json;
  json["query"] = answer.query;
  if (answer.computed_by) add_computed_by(json, answer.computed_by->backend, answer.computed_by->precision);
  json["results"] = Json::array();
  int rank = 0;
  for (const ScoredPassage& hit : answer.ranking->passages) {
    const Passage& passage = answer.passages[static_cast<size_t>(hit.index)];
    Json result = {{"rank", ++rank}, {"id", passage.id}, {"score", hit.score}};
    result["first_stage"] = {{"rank", hit.index + 1}, {"score", passage.first_stage_score.value_or(0.0)}};
    if (!answer.heads.empty()) add_reading(result, hit.truncated, hit.empty, hit.window);
    if (!passage.title.empty()) result["title"] = passage.title;
    result["text"] = passage.text;
    json["results"].push_back(std::move(result));
  }
  json["heads"] = answer.heads;
  if (!answer.heads.empty()) json["statistics"] = statistics_json(answer.ranking->statistics);
  json["seconds"] = answer.seconds;
  if (left_out.files() > 0) json["left_out"] = left_out_json(left_out);
  return json_text(json, -1);
}

Status write_run(SearchIndex& index, const SearchFlags& flags, const AppContext& context) {
  const auto queries = read_queries(flags.queries_file);
  if (!queries) return fail(Error(queries.error()).with_context("reading --queries"));
  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  std::string run;
  int64_t done = 0;
  for (const Query& query : queries->items()) {
    if (bar.stop_requested()) return fail(ErrorCode::kCancelled, "interrupted");
    const auto passages = index.candidates(query.text, flags.depth);
    if (!passages) return fail(passages.error());
    const Ranking ranking = order_found(*passages, flags.engine.top_k.value_or(0));
    const Answer answer{.query_id = query.id,
                        .query = query.text,
                        .passages = *passages,
                        .ranking = &ranking,
                        .heads = {},
                        .computed_by = {},
                        .timings = false};
    const auto lines = format_answer(answer, answer_format(flags, AnswerFormat::kTrec));
    if (!lines) return fail(Error(lines.error()).with_context("writing query '" + query.id + "'"));
    run += *lines;
    bar.advance("queries", ++done, static_cast<int64_t>(queries->size()));
  }
  bar.finish();
  return write_result(flags.output, run);
}

Status explain_found(Engine& engine, const std::vector<Passage>& passages, const SearchFlags& flags,
                     const AppContext& context) {
  ProgressBar bar(context.verb, context.quiet);
  const auto explanation = engine.explain(flags.query, passages, {.per_head = flags.per_head}, &bar);
  bar.finish();
  if (!explanation) return fail(explanation.error());
  const DecoderDescription decoder = engine.reranker.decoder();
  const ExplainedAnswer answer{.query_id = "1",
                               .query = flags.query,
                               .passages = passages,
                               .explanation = &*explanation,
                               .heads = engine.describe_heads(explanation->heads),
                               .backend = decoder.backend,
                               .precision = decoder.precision,
                               .calibration = option_text(engine.settings, "calibration"),
                               .encoding = option_text(engine.settings, "encoding"),
                               .fuse = option_text(engine.settings, "fuse"),
                               .per_head = flags.per_head};
  if (!flags.report.empty()) {
    HW_RETURN_IF_ERROR(write_file_atomically(flags.report, explanation_page(answer)));
    print_note(context.verb, context.quiet, "page written to '" + flags.report + "'");
  }
  return write_result(flags.output, flags.json ? explain_json(answer)
                                               : explain_text(answer, terminal_columns(), colours_wanted()));
}

Status run_search(const SearchFlags& flags, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_flags(flags));
  const StopSignals signals;
  auto index = open_index(flags, context);
  if (!index) return fail(std::move(index.error()));
  if (!flags.queries_file.empty()) {
    if (answer_format(flags, AnswerFormat::kTrec) == AnswerFormat::kTable) {
      return contradiction("--format table is for one query");
    }
    return write_run(*index, flags, context);
  }
  const auto begun = std::chrono::steady_clock::now();
  const auto passages = index->candidates(flags.query, flags.depth);
  if (!passages) return fail(passages.error());
  if (passages->empty()) {
    print_note(context.verb, context.quiet, "no document has a word of the query");
  }
  Ranking ranking = order_found(*passages, flags.engine.top_k.value_or(0));
  std::string heads;
  std::optional<DecoderDescription> computed_by;
  if (!flags.no_rerank && !passages->empty()) {
    auto engine = load_engine(flags.engine);
    if (!engine) return fail(std::move(engine.error()));
    if (flags.explain || !flags.report.empty()) return explain_found(*engine, *passages, flags, context);
    ProgressBar bar(context.verb, context.quiet);
    auto ranked = engine->rank(flags.query, *passages, &bar);
    bar.finish();
    if (!ranked) return fail(std::move(ranked.error()));
    ranking = std::move(*ranked);
    if (const std::string note = none_left_note(flags.engine, ranking, passages->size()); !note.empty()) {
      print_note(context.verb, context.quiet, note);
    }
    heads = engine->describe_heads(ranking.heads);
    computed_by = engine->reranker.decoder();
  }
  const Answer answer{.query_id = flags.query_id.empty() ? "1" : flags.query_id,
                      .query = flags.query,
                      .passages = *passages,
                      .ranking = &ranking,
                      .heads = heads,
                      .computed_by = computed_by,
                      .seconds = seconds_since(begun)};
  const AnswerFormat format = answer_format(flags, AnswerFormat::kTable);
  if (format == AnswerFormat::kJsonl)
    return write_result(flags.output, search_json(answer, index->left_out()));
  const auto text = format_answer(answer, format);
  if (!text) return fail(text.error());
  return write_result(flags.output, *text);
}

}  // namespace

Action add_search(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<SearchFlags>();
  constexpr const char* kWork = "Work";
  verb.add_option("--corpus", flags->place.corpus,
                  "What is searched: a BEIR folder, a folder of texts (Markdown, HTML, PDF, code), a JSONL, "
                  "TSV or text file")
      ->group(kWork)
      ->required();
  CLI::Option* query = verb.add_option("--query", flags->query, "The question")->group(kWork);
  verb.add_option(
          "--queries", flags->queries_file,
          "With --no-rerank: a file of questions (queries.jsonl, or id <tab> text), for a first-stage run")
      ->group(kWork);
  verb.add_option("--query-id", flags->query_id, "Id of the query in TREC and other run formats (default 1)")
      ->group(kWork);
  verb.add_option(
          "--index", flags->place.index,
          "The BM25 index (default: beside the corpus, CORPUS.bm25); built when it is missing or older "
          "than the corpus")
      ->group(kWork);
  verb.add_option(
          "--word-frequencies", flags->place.word_frequencies,
          "How common words are, lines of word <tab> number, instead of how common they are in this corpus: "
          "for small corpora")
      ->group(kWork);
  verb.add_option("--depth", flags->depth, "Candidates that BM25 finds and the engine orders")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(1, 100000));
  verb.add_flag("--no-rerank", flags->no_rerank, "BM25 alone: no model is read")->group(kWork);

  constexpr const char* kResult = "Result";
  constexpr int kShown = 10;
  flags->engine.top_k = kShown;
  flags->engine.usual_long_passages = LongPassages::kChunk;
  CLI::Option* top = add_option_flag(verb, flags->engine, "top-k",
                                     {.group = kResult,
                                      .help = "Documents returned; 0: all (default 10, of --queries all)",
                                      .default_shown = false});
  verb.add_option("--format", flags->format,
                  "table, jsonl (one object, with texts), trec (default with --queries), msmarco, rankllm")
      ->group(kResult)
      ->check(one_of({"table", "jsonl", "trec", "msmarco", "rankllm"}));
  verb.add_flag("--json", flags->json, "The same as --format jsonl")->group(kResult);
  verb.add_flag("--explain", flags->explain, "Which tokens the read heads look at")->group(kResult);
  verb.add_flag("--per-head", flags->per_head, "With --explain: also what each head by itself looks at")
      ->group(kResult);
  verb.add_option("--report", flags->report,
                  "An explained answer as a page that needs nothing else: FILE.html")
      ->group(kResult);
  verb.add_option("--output", flags->output, "Write FILE instead of standard output")->group(kResult);
  add_score_flags(verb, flags->engine, kResult);
  add_engine_flags(verb, flags->engine);
  return [flags, query, top, &context]() {
    flags->query_given = query->count() > 0;
    if (!flags->queries_file.empty() && top->count() == 0) flags->engine.top_k = 0;
    return run_search(*flags, context);
  };
}

}  // namespace headwise
