// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// `headwise eval`: reads judgements and runs, prints measures and paired tests, writes the report.
#include <algorithm>
#include <memory>
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/value_checks.h"
#include "eval/comparison.h"
#include "eval_print.h"
#include "report/evaluation_page.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

struct EvalOptions {
  std::string qrels;
  std::string dataset;
  std::string split = "test";
  std::string queries;
  std::vector<std::string> runs;
  std::vector<std::string> measures{"ndcg@10,map,recip_rank,recall@100,p@10"};
  std::string baseline;
  std::string report;
  std::string middle_zone;
  int depth = 40;
  bool reversed = false;
  EvaluationOptions evaluation;
  PairedTestOptions test;
  EvalPrintOptions print;
  bool json = false;
};

// File names without folder and ending, as long as that tells the runs apart; else the paths as given.
std::vector<std::string> short_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    std::string name = fs::path(path).filename().string();
    for (const char* ending : {".trec", ".run", ".txt", ".tsv", ".jsonl", ".json"}) {
      if (name.ends_with(ending) && name.size() > std::string_view(ending).size()) {
        name.resize(name.size() - std::string_view(ending).size());
        break;
      }
    }
    names.push_back(name);
  }
  return std::set<std::string>(names.begin(), names.end()).size() == names.size() ? names : paths;
}

Result<size_t> baseline_index(const EvalOptions& options, const std::vector<std::string>& names) {
  if (options.baseline.empty()) return size_t{0};
  for (const std::vector<std::string>& known : {options.runs, names}) {
    auto found = std::find(known.begin(), known.end(), options.baseline);
    if (found != known.end()) return static_cast<size_t>(found - known.begin());
  }
  std::string shown;
  for (const std::string& name : names) shown += (shown.empty() ? "" : ", ") + name;
  return fail(ErrorCode::kUsage, "--baseline '" + options.baseline + "' is none of the runs: " + shown);
}

Status check_options(const EvalOptions& options) {
  if (options.qrels.empty() == options.dataset.empty()) {
    return fail(ErrorCode::kUsage, "expected either --qrels FILE or --dataset DIR (with --split), found " +
                                       std::string(options.qrels.empty() ? "neither" : "both"));
  }
  if (std::count(options.runs.begin(), options.runs.end(), "-") + (options.qrels == "-" ? 1 : 0) > 1) {
    return fail(ErrorCode::kUsage, "standard input ('-') can be read once only");
  }
  std::set<std::string> seen;
  for (const std::string& run : options.runs) {
    if (!seen.insert(run).second) return fail(ErrorCode::kUsage, "--run '" + run + "' is given twice");
  }
  return {};
}

// A few ids of many, for notes.
std::string first_of(const std::vector<std::string>& ids) {
  std::string shown;
  for (size_t i = 0; i < ids.size() && i < 3; ++i) shown += (i > 0 ? ", " : "") + ids[i];
  return ids.size() > 3 ? shown + ", ..." : shown;
}

void note_unmatched(const AppContext& context, const EvaluatedRun& run, bool only_retrieved) {
  const Evaluation& evaluation = run.evaluation;
  if (!evaluation.missing.empty()) {
    print_note(
        context.verb, context.quiet,
        "run '" + run.name + "' lacks " + std::to_string(evaluation.missing.size()) + " judged queries (" +
            first_of(evaluation.missing) + "): " +
            (only_retrieved ? "left out, as --only-retrieved asks" : "they count 0, as with trec_eval -c"));
  }
  if (!evaluation.unjudged.empty()) {
    print_note(context.verb, context.quiet,
               "run '" + run.name + "': " + std::to_string(evaluation.unjudged.size()) +
                   " queries have no judgements (" + first_of(evaluation.unjudged) + ") and are left out");
  }
}

// Query texts make the report readable; without them it shows ids.
Result<Queries> query_texts(const EvalOptions& options) {
  if (options.report.empty()) return Queries();
  if (!options.queries.empty()) return read_queries(options.queries);
  if (!options.dataset.empty()) return read_queries(fs::path(options.dataset) / "queries.jsonl");
  return Queries();
}

struct Evaluated {
  ComparisonTable table;
  std::vector<MiddleZone> zones;  // one a run, with --middle-zone
};

Result<Evaluated> evaluate_all(const EvalOptions& options, const AppContext& context) {
  std::string measures;
  for (const std::string& list : options.measures) measures += list + ",";
  Result<std::vector<Measure>> parsed = parse_measures(measures);
  HW_RETURN_IF_ERROR(parsed);
  const std::vector<std::string> names = short_names(options.runs);
  Result<size_t> baseline = baseline_index(options, names);
  HW_RETURN_IF_ERROR(baseline);
  const fs::path path = options.qrels.empty() ? fs::path(options.dataset) / "qrels" / (options.split + ".tsv")
                                              : fs::path(options.qrels);
  Result<Qrels> qrels = read_qrels(path);
  HW_RETURN_IF_ERROR(qrels);
  Evaluated evaluated{{path.string(), *parsed, {}, *baseline, {}}, {}};
  ComparisonTable& table = evaluated.table;
  Run prompts;
  if (!options.middle_zone.empty()) {
    Result<Run> run = read_run(options.middle_zone);
    HW_RETURN_IF_ERROR(run);
    prompts = std::move(*run);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    Result<Run> run = read_run(options.runs[i]);
    HW_RETURN_IF_ERROR(run);
    Result<Evaluation> evaluation = evaluate(*qrels, *run, *parsed, options.evaluation);
    if (!evaluation) {
      return fail(std::move(evaluation.error()).with_context("evaluating '" + options.runs[i] + "'"));
    }
    table.runs.push_back({names[i], std::move(*evaluation)});
    note_unmatched(context, table.runs.back(), options.evaluation.only_retrieved);
    if (options.middle_zone.empty()) continue;
    auto zone = middle_zone_figures(*run, prompts, *qrels, options.depth, options.reversed);
    if (!zone)
      return fail(
          std::move(zone.error()).with_context("looking at the middle zone of '" + options.runs[i] + "'"));
    evaluated.zones.push_back(std::move(*zone));
    evaluated.zones.back().run = names[i];
  }
  compare_with_baseline(table, options.test);
  return evaluated;
}

Status run_eval(const EvalOptions& options, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_options(options));
  Result<Evaluated> evaluated = evaluate_all(options, context);
  HW_RETURN_IF_ERROR(evaluated);
  const auto& [table, zones] = *evaluated;
  if (!options.report.empty()) {
    Result<Queries> queries = query_texts(options);
    HW_RETURN_IF_ERROR(queries);
    HW_RETURN_IF_ERROR(write_file_atomically(options.report, report_html(table, *queries, zones)));
    print_note(context.verb, context.quiet, "report written to '" + options.report + "'");
  }
  if (options.json) return write_stdout(json_text(eval_json(table, zones, options.print)) + "\n");
  return write_stdout(eval_text(table, zones, options.print));
}

std::string measures_help() {
  std::string text = "Measures, separated by commas:";
  for (const MeasureDescription& measure : known_measures()) text += " " + measure.name;
  return text + " (trec_eval's spellings work too)";
}

}  // namespace

Action add_eval(CLI::App& verb, AppContext& context) {
  auto options = std::make_shared<EvalOptions>();
  verb.add_option("--qrels", options->qrels, "Judgements: TREC (4 columns), 3 columns, or BEIR's TSV")
      ->type_name("FILE");
  verb.add_option("--dataset", options->dataset, "A BEIR folder in place of --qrels")->type_name("DIR");
  verb.add_option("--split", options->split, "Which of the folder's qrels")->capture_default_str();
  verb.add_option("--run", options->runs,
                  "A run (TREC, MS MARCO, JSONL, RankLLM, ICR; '-' is standard input); once for each run")
      ->required()
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("FILE");
  verb.add_option("-m,--measures", options->measures, measures_help())
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("LIST")
      ->capture_default_str();
  verb.add_option("--baseline", options->baseline,
                  "Run that the others are compared with; the first unless given");
  verb.add_option(
          "--relevance-level", options->evaluation.relevance_level,
          "Lowest grade that counts as relevant (trec_eval -l); ndcg uses grades as gains in any case")
      ->check(at_least(1))
      ->capture_default_str();
  verb.add_flag("--only-retrieved", options->evaluation.only_retrieved,
                "Average over the queries that the run has, not over all judged ones (trec_eval without -c)");
  verb.add_flag("--per-query", options->print.per_query, "Show every query's values too");
  verb.add_option("--report", options->report,
                  "Write a self-contained HTML page: table, per-query pictures, largest gains and losses")
      ->type_name("FILE.html");
  verb.add_option("--queries", options->queries,
                  "Query texts for the report (queries.jsonl, or id <tab> text)")
      ->type_name("FILE");
  verb.add_option("--middle-zone", options->middle_zone,
                  "Also show what became of passages in the middle of their prompts: a run whose order the "
                  "prompts had")
      ->type_name("FILE");
  verb.add_option("--depth", options->depth, "Candidates of that run that a prompt held, 0: all")
      ->check(at_least(0))
      ->capture_default_str();
  verb.add_flag("--reversed", options->reversed, "The prompts had them best last");
  verb.add_option("--samples", options->test.samples, "Sign flips of the randomisation test")
      ->check(between(int64_t{100}, int64_t{100'000'000}))
      ->capture_default_str();
  verb.add_option("--seed", options->test.seed, "Seed of the randomisation test")->capture_default_str();
  verb.add_flag("--json", options->json, "Print JSON in place of the table");
  return [options, &context]() -> Status { return run_eval(*options, context); };
}

}  // namespace headwise
