// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `explain`: one query's ranking, each score split over the tokens that the read heads look at.
#include "explain.h"

#include <memory>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/utf8.h"
#include "common/app.h"
#include "common/dataset_flags.h"
#include "common/diagnostics.h"
#include "common/engine_flags.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/terminal.h"
#include "common/value_checks.h"
#include "headwise/dataset.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

struct ExplainFlags : DatasetFlags {
  EngineSettings engine;
  std::string query;
  bool query_given = false;
  std::string documents;
  std::string report;
  bool per_head = false;
  bool json = false;
};

Status check_flags(const ExplainFlags& flags) {
  const auto contradiction = [](const char* text) { return fail(ErrorCode::kUsage, text); };
  const bool data_set = !flags.dataset.empty() || !flags.run.empty() || !flags.only_query.empty();
  if (data_set && (flags.query_given || !flags.documents.empty())) {
    return contradiction(
        "--query/--documents ask for a query of your own, --dataset/--run/--query-id for one of a data set: "
        "give one of the two");
  }
  if (!data_set && flags.documents.empty()) {
    return contradiction(
        "nothing to explain: give --query Q with --documents FILE (- for standard input), or --dataset with "
        "--run and --query-id");
  }
  if (!data_set && !flags.query_given) return contradiction("--documents needs --query");
  if (data_set && flags.run.empty()) {
    return contradiction("--query-id needs --run FILE with the candidates, and --dataset with their texts");
  }
  if (data_set && flags.only_query.empty()) {
    return contradiction("--run holds many queries; name the one to explain with --query-id");
  }
  return flags.report.empty() ? Status{} : check_output_file(flags.report, "--report");
}

Result<DatasetRequest> read_request(const ExplainFlags& flags, const AppContext& context) {
  if (!flags.only_query.empty()) {
    auto work = gather_work(flags, context);
    HW_RETURN_IF_ERROR(work);
    return std::move(work->requests.front());
  }
  if (const auto at = first_invalid_utf8(flags.query)) {
    return fail(ErrorCode::kInvalidInput, "--query is not UTF-8: byte " + std::to_string(*at) +
                                              " starts no valid character; convert it, e.g. with iconv");
  }
  auto documents = read_passages(flags.documents);
  if (!documents) return fail(std::move(documents.error()).with_context("reading --documents"));
  DatasetRequest request{.number = 0, .id = "1", .query = flags.query, .passages = {}};
  for (const Document& document : documents->items()) {
    request.passages.push_back(
        {.id = document.id, .title = document.title, .text = document.text, .first_stage_score = {}});
  }
  rank_by_place(flags.engine, request.passages);
  return request;
}

Status run_explain(const ExplainFlags& flags, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_flags(flags));
  const auto request = read_request(flags, context);
  HW_RETURN_IF_ERROR(request);
  EngineSettings settings = flags.engine;
  // As `rerank` ranks the same.
  settings.usual_long_passages = flags.only_query.empty() ? LongPassages::kChunk : LongPassages::kCut;
  auto engine = load_engine(settings);
  HW_RETURN_IF_ERROR(engine);
  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  const auto explanation =
      engine->explain(request->query, request->passages, {.per_head = flags.per_head}, &bar);
  bar.finish();
  HW_RETURN_IF_ERROR(explanation);
  const DecoderDescription decoder = engine->reranker.decoder();
  const ExplainedAnswer answer{.query_id = request->id,
                               .query = request->query,
                               .passages = request->passages,
                               .explanation = &*explanation,
                               .heads = engine->describe_heads(explanation->heads),
                               .backend = decoder.backend,
                               .precision = decoder.precision,
                               .calibration = option_text(engine->settings, "calibration"),
                               .encoding = option_text(engine->settings, "encoding"),
                               .fuse = option_text(engine->settings, "fuse"),
                               .per_head = flags.per_head};
  if (!flags.report.empty()) {
    HW_RETURN_IF_ERROR(write_file_atomically(flags.report, explanation_page(answer)));
    print_note(context.verb, context.quiet, "page written to '" + flags.report + "'");
  }
  return write_stdout(flags.json ? explain_json(answer)
                                 : explain_text(answer, terminal_columns(), colours_wanted()));
}

}  // namespace

Action add_explain(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<ExplainFlags>();
  constexpr int kShown = 10;
  flags->engine.top_k = kShown;
  constexpr const char* kWork = "Work";
  CLI::Option* query = verb.add_option("--query", flags->query, "The query")->group(kWork);
  verb.add_option("--documents", flags->documents,
                  "Its passages: one a line, or JSONL with text, title, id; - for standard input")
      ->group(kWork);
  verb.add_option("--dataset", flags->dataset, "BEIR folder: corpus.jsonl, queries.jsonl")->group(kWork);
  verb.add_option("--run", flags->run,
                  "First-stage run with the candidates; a RankLLM, ICR or QRHead file needs no --dataset")
      ->group(kWork);
  verb.add_option("--query-id", flags->only_query, "The query of the run that is explained")->group(kWork);
  verb.add_option("--depth", flags->depth, "Candidates taken of the query; 0: all")
      ->group(kWork)
      ->capture_default_str()
      ->check(at_least(0));

  constexpr const char* kResult = "Result";
  add_option_flag(verb, flags->engine, "top-k",
                  {.group = kResult, .help = "Passages shown, the best; 0: all"});
  verb.add_flag("--per-head", flags->per_head, "Also what each head by itself looks at")->group(kResult);
  verb.add_option("--report", flags->report, "Also write a page that needs nothing else: FILE.html")
      ->group(kResult);
  verb.add_flag("--json", flags->json, "Tokens, weights and shares of heads as JSON")->group(kResult);
  add_engine_flags(verb, flags->engine);
  return [flags, query, &context]() {
    flags->query_given = query->count() > 0;
    return run_explain(*flags, context);
  };
}

}  // namespace headwise
