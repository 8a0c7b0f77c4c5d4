// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `rerank`: its flags and which of its three ways they ask for. The engine is in the library.
#include <unistd.h>

#include <memory>

#include "base/check.h"
#include "common/value_checks.h"
#include "rerank_modes.h"

namespace headwise {
namespace {

Status contradiction(const std::string& text) { return fail(ErrorCode::kUsage, text); }

Status run_rerank(const RerankFlags& flags, const AppContext& context, bool query_given) {
  const bool data_set = !flags.dataset.empty() || !flags.run.empty();
  if (data_set && (query_given || !flags.documents.empty())) {
    return contradiction(
        "--query/--documents ask for one query, --dataset/--run for a data set: give one of the two");
  }
  if (query_given && flags.documents.empty()) {
    return contradiction(
        "--query needs --documents FILE (one passage a line, or JSONL; - for standard input)");
  }
  if (!query_given && !flags.documents.empty()) return contradiction("--documents needs --query");
  if (!flags.dataset.empty() && flags.run.empty()) {
    return contradiction("--dataset needs --run FILE with the candidates of each query, best first");
  }
  if (!data_set) {
    const char* only = !flags.shard.empty()   ? "--shard"
                       : !flags.split.empty() ? "--split"
                       : flags.restart        ? "--restart"
                                              : nullptr;
    if (only != nullptr) return contradiction(std::string(only) + " is for data sets (--dataset and --run)");
  }
  if (data_set) return rerank_dataset(flags, context);
  if (query_given) return rerank_one(flags, context);
  if (::isatty(STDIN_FILENO) == 1) {
    return contradiction(
        "nothing to do: give --query with --documents, or --dataset with --run, or requests on standard "
        "input, one a "
        "line: {\"query\": \"...\", \"documents\": [\"...\", \"...\"]}");
  }
  return rerank_stream(flags, context);
}

}  // namespace

Action add_rerank(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<RerankFlags>();
  constexpr const char* kWork = "Work (none of these: JSONL requests on standard input)";
  CLI::Option* query = verb.add_option("--query", flags->query, "The query")->group(kWork);
  verb.add_option("--documents", flags->documents,
                  "Its passages: one a line, or JSONL with text, title, id; - for standard input")
      ->group(kWork);
  verb.add_option("--query-id", flags->query_id, "Id of the query in TREC and other run formats (default 1)")
      ->group(kWork);
  add_dataset_flags(verb, *flags, kWork);

  constexpr const char* kResult = "Result";
  verb.add_option("--format", flags->format,
                  "table (one query), jsonl (stream), trec (data set), msmarco, rankllm")
      ->group(kResult)
      ->check(one_of({"table", "jsonl", "trec", "msmarco", "rankllm"}));
  verb.add_flag("--json", flags->json, "The same as --format jsonl")->group(kResult);
  verb.add_option("--output", flags->output,
                  "Write FILE instead of standard output; a data set goes on from FILE.partial")
      ->group(kResult);
  verb.add_flag("--restart", flags->restart, "Throw FILE.partial away and begin afresh")->group(kResult);
  add_option_flag(verb, flags->engine, "top-k",
                  {.group = kResult, .help = "Passages returned; 0: all", .default_shown = false});
  add_score_flags(verb, flags->engine, kResult);
  add_engine_flags(verb, flags->engine);
  return [flags, query, &context]() -> Status {
    // Figures over data sets compare with those of before.
    const bool data_set = !flags->dataset.empty() || !flags->run.empty();
    flags->engine.usual_long_passages = data_set ? LongPassages::kCut : LongPassages::kChunk;
    return run_rerank(*flags, context, query->count() > 0);
  };
}

}  // namespace headwise
