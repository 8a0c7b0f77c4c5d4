// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `route report`: a router and its controls on queries that it never saw, with paired tests; whether
// its sets vary; and, with a data set, what the shallower passes save in seconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/stopwatch.h"
#include "common/app.h"
#include "common/dataset_flags.h"
#include "common/diagnostics.h"
#include "common/model_path.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/store_flags.h"
#include "common/value_checks.h"
#include "engine/resolve.h"
#include "report/routing_page.h"
#include "route/query_embedding.h"

namespace headwise {
namespace {

struct ReportFlags : StoreFlags {
  std::string router;
  std::string model;
  std::string report;
  bool json = false;
  int max_words = 300;
  DatasetFlags timed;  // --dataset, --run: the queries that are timed
  RoutingOptions options;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2.0;
}

Result<RoutingTimes> measure_times(const ReportFlags& flags, const AppContext& context, const Router& router,
                                   const std::shared_ptr<const Model>& model) {
  auto work = gather_work(flags.timed, context);
  HW_RETURN_IF_ERROR(work);
  // Every pass says its own heads.
  const auto settings = with_reading({.threads = flags.threads, .max_words = flags.max_words},
                                     reading_of(router), "the router");
  HW_RETURN_IF_ERROR(settings);
  auto options = reranker_options(*settings);
  HW_RETURN_IF_ERROR(options);
  auto cut = Reranker::create(model, *options);
  HW_RETURN_IF_ERROR(cut);
  options->full_depth = true;
  auto full = Reranker::create(model, *options);
  HW_RETURN_IF_ERROR(full);
  auto query_router = QueryRouter::create(router, model, flags.threads);
  HW_RETURN_IF_ERROR(query_router);

  RoutingTimes times;
  times.queries = work->requests.size();
  times.data = std::filesystem::path(flags.timed.dataset.empty() ? flags.timed.run : flags.timed.dataset)
                   .filename()
                   .string();
  std::vector<double> full_depth, static_set, routed, routing;
  StopOnly stop;
  ProgressBar bar(context.verb, context.quiet);
  const auto timed = [&](Reranker& reranker, const std::vector<HeadId>& heads, const DatasetRequest& request,
                         std::vector<double>& seconds, double* layers) -> Status {
    const auto begun = std::chrono::steady_clock::now();
    const auto ranking = reranker.rank_with(heads, request.query, request.passages, &stop);
    HW_RETURN_IF_ERROR(ranking);
    seconds.push_back(seconds_since(begun));
    if (layers != nullptr) *layers += ranking->statistics.layers_run;
    return {};
  };
  for (const DatasetRequest& request : work->requests) {
    const auto heads = query_router->route(request.query);
    HW_RETURN_IF_ERROR(heads);
    routing.push_back(heads->seconds);
    HW_RETURN_IF_ERROR(timed(*cut, heads->heads, request, routed, &times.routed_layers));
    HW_RETURN_IF_ERROR(timed(*cut, router.fallback, request, static_set, &times.static_layers));
    HW_RETURN_IF_ERROR(timed(*full, router.fallback, request, full_depth, nullptr));
    bar.advance("timed queries", static_cast<int64_t>(routed.size()),
                static_cast<int64_t>(work->requests.size()));
  }
  bar.finish();
  times.full_depth = median(full_depth);
  times.static_set = median(static_set);
  times.routed = median(routed);
  times.routing = median(routing);
  times.static_layers /= static_cast<double>(times.queries);
  times.routed_layers /= static_cast<double>(times.queries);
  return times;
}

Json as_json(const RoutingEvaluation& evaluation, const std::optional<RoutingTimes>& times) {
  Json json;
  const Verdict verdict = routing_verdict(evaluation);
  json["helps"] = verdict.helps;
  json["verdict"] = verdict.text;
  json["sets"] = overlap_verdict(evaluation);
  json["data"] = evaluation.data;
  json["methods"] = Json::array();
  const size_t groups = evaluation.data.size() + (evaluation.data.size() > 1 ? 1 : 0);
  for (size_t method = 0; method < evaluation.methods.size(); ++method) {
    Json row;
    row["name"] = evaluation.methods[method].name;
    row["counted"] = !evaluation.methods[method].is_oracle;
    for (size_t group = 0; group < groups; ++group) {
      Json cell;
      for (const bool fused : {false, true}) {
        Json one;
        one["ndcg@10"] = evaluation.mean(method, group, fused);
        if (const RoutingTest* test = evaluation.find(method, group, fused)) {
          one["routed_minus_this"] = test->test.mean_difference;
          one["t_test_p"] = test->test.t_test_p.value_or(1.0);
          one["t_test_p_holm"] = test->t_holm;
          one["randomisation_p"] = test->test.randomisation_p;
          one["randomisation_p_holm"] = test->randomisation_holm;
        }
        cell[fused ? "fused" : "alone"] = std::move(one);
      }
      row["values"][group < evaluation.data.size() ? evaluation.data[group] : "all queries"] =
          std::move(cell);
    }
    json["methods"].push_back(std::move(row));
  }
  const Overlap& overlap = evaluation.overlap;
  json["overlap"] = {{"queries", overlap.queries},
                     {"distinct_sets", overlap.distinct},
                     {"commonest_share", overlap.commonest},
                     {"fallbacks", overlap.fallbacks},
                     {"jaccard_within", overlap.within},
                     {"jaccard_between", overlap.between ? Json(*overlap.between) : Json(nullptr)},
                     {"entropy", overlap.entropy}};
  json["depth"] = {{"layers", evaluation.layers},
                   {"static_deepest", evaluation.static_deepest},
                   {"routed_deepest_mean", evaluation.mean_deepest}};
  if (times) {
    json["times"] = {{"queries", times->queries},
                     {"data", times->data},
                     {"full_depth_s", times->full_depth},
                     {"static_s", times->static_set},
                     {"routed_s", times->routed},
                     {"routing_s", times->routing},
                     {"static_layers", times->static_layers},
                     {"routed_layers", times->routed_layers}};
  }
  json["per_query"] = Json::array();
  for (size_t q = 0; q < evaluation.query_ids.size(); ++q) {
    Json heads = Json::array();
    for (const HeadId head : evaluation.routed[q]) heads.push_back(to_string(head));
    json["per_query"].push_back(
        {{"id", evaluation.query_ids[q]}, {"data", evaluation.group_of[q]}, {"heads", heads}});
  }
  return json;
}

std::string as_table(const RoutingEvaluation& evaluation, const std::optional<RoutingTimes>& times) {
  std::string text;
  char cell[200];
  const size_t groups = evaluation.data.size() + (evaluation.data.size() > 1 ? 1 : 0);
  for (size_t group = 0; group < groups; ++group) {
    text += (group < evaluation.data.size() ? evaluation.data[group] : "all queries") + "\n";
    text += "  nDCG@10                  alone   routed-this  p Holm     fused   routed-this  p Holm\n";
    for (size_t method = 0; method < evaluation.methods.size(); ++method) {
      std::snprintf(cell, sizeof cell, "  %-22s", evaluation.methods[method].name.c_str());
      text += cell;
      for (const bool fused : {false, true}) {
        std::snprintf(cell, sizeof cell, "  %.4f", evaluation.mean(method, group, fused));
        text += cell;
        if (const RoutingTest* test = evaluation.find(method, group, fused)) {
          std::snprintf(cell, sizeof cell, "      %+.4f   %.4f  ", test->test.mean_difference, test->t_holm);
          text += cell;
        } else {
          text += std::string(24, ' ');
        }
      }
      text.erase(text.find_last_not_of(' ') + 1);
      text += evaluation.methods[method].is_oracle ? "  (not counted)\n" : "\n";
    }
    text += "\n";
  }
  text += routing_verdict(evaluation).text + "\n" + overlap_verdict(evaluation) + "\n";
  std::snprintf(cell, sizeof cell, "Deepest layer: static set %d, routed %.1f on average, of %d.\n",
                evaluation.static_deepest, evaluation.mean_deepest, evaluation.layers);
  text += cell;
  if (times) {
    std::snprintf(cell, sizeof cell,
                  "Seconds a query (median of %zu): every layer %.3f, static set %.3f, routed %.3f; routing "
                  "itself %.1f ms.\n",
                  times->queries, times->full_depth, times->static_set, times->routed,
                  1000.0 * times->routing);
    text += cell;
  }
  return text;
}

Status run_report(const ReportFlags& flags, const AppContext& context) {
  if (flags.router.empty())
    return fail(ErrorCode::kUsage, "--router FILE is needed; `headwise route train` writes one");
  if (!flags.report.empty()) HW_RETURN_IF_ERROR(check_output_file(flags.report));
  auto router = read_router(flags.router);
  if (!router) return fail(std::move(router.error()));
  auto stores = load_stores(flags, context);
  if (!stores) return fail(std::move(stores.error()));
  HW_RETURN_IF_ERROR(check_stores_for(*router, stores->manifest));
  auto path = resolve_model(flags.model);
  if (!path) return fail(std::move(path.error()));
  auto model = Model::load(*path, {.weights = ModelOptions::Weights::kFloat32});
  if (!model)
    return fail(std::move(model.error()).with_context("loading the model '" + path->string() + "'"));
  HW_RETURN_IF_ERROR(check_router(*router, **model));
  auto embedder = QueryEmbedder::create(*model, router->embedding_layer, flags.threads);
  if (!embedder) return fail(std::move(embedder.error()));

  const StopSignals signals;
  std::vector<std::vector<float>> embeddings;
  ProgressBar bar(context.verb, context.quiet);
  for (const JudgedScores& query : stores->queries) {
    if (stop_signalled()) return fail(ErrorCode::kCancelled, "interrupted; nothing was written");
    auto embedding = embedder->embed(query.query.text);
    if (!embedding)
      return fail(std::move(embedding.error()).with_context("embedding query '" + query.query.id + "'"));
    embeddings.push_back(std::move(*embedding));
    bar.advance("queries", static_cast<int64_t>(embeddings.size()),
                static_cast<int64_t>(stores->queries.size()));
  }
  bar.finish();
  ThreadPool threads(flags.threads);
  const auto evaluation = evaluate_routing(*stores, *router, embeddings, flags.options, threads);
  if (!evaluation) return fail(evaluation.error());
  std::optional<RoutingTimes> times;
  if (!flags.timed.run.empty()) {
    auto measured = measure_times(flags, context, *router, *model);
    if (!measured) return fail(std::move(measured.error()));
    times = std::move(*measured);
  }
  if (!flags.report.empty())
    HW_RETURN_IF_ERROR(write_result(flags.report, routing_report_html(*evaluation, *router, times)));
  if (flags.json) return write_stdout(json_text(as_json(*evaluation, times)) + "\n");
  return write_stdout(as_table(*evaluation, times));
}

}  // namespace

Action add_route_report(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<ReportFlags>();
  add_store_flags(verb, *flags, false);
  verb.add_option("--router", flags->router, "File of `route train`")->group("Work");
  verb.add_option("--model", flags->model, model_help())->group("Work");
  verb.add_option("--fuse", flags->options.fusion_weight, "First stage's weight in the fused columns")
      ->group("Work")
      ->capture_default_str();
  verb.add_option("--seed", flags->options.seed, "Of the shuffled and random controls")
      ->group("Work")
      ->capture_default_str();
  flags->timed.queries = 10;
  add_dataset_flags(verb, flags->timed, "Seconds (with --run: these queries are timed)");
  verb.add_option("--max-words", flags->max_words, "Words kept of a passage; 0: all")
      ->group("Seconds (with --run: these queries are timed)")
      ->capture_default_str()
      ->check(at_least(0));
  verb.add_option("--report", flags->report, "HTML page")->group("Result");
  verb.add_flag("--json", flags->json, "One JSON object, with every query's heads, instead of tables")
      ->group("Result");
  return [flags, &context] { return run_report(*flags, context); };
}

}  // namespace headwise
