// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `route label`: pseudo labels for a router, from head-score stores.
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/stopwatch.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/store_flags.h"
#include "common/value_checks.h"
#include "route/labels.h"

namespace headwise {
namespace {

struct LabelFlags : StoreFlags {
  LabelOptions options;
  std::string output;
  bool json = false;
};

Status run_label(const LabelFlags& flags, const AppContext& context) {
  if (!flags.output.empty()) HW_RETURN_IF_ERROR(check_output_file(flags.output));
  auto stores = load_stores(flags, context);
  if (!stores) return fail(std::move(stores.error()));
  LabelOptions options = flags.options;
  options.read_out = flags.read_out();
  ThreadPool threads(flags.threads);
  const auto begun = std::chrono::steady_clock::now();
  auto labels = make_labels(*stores, options, threads);
  if (!labels) return fail(std::move(labels.error()));
  const double seconds = seconds_since(begun);
  labels->calibration = flags.calibration;
  labels->token_filter = flags.token_filter();
  if (!flags.output.empty()) HW_RETURN_IF_ERROR(write_result(flags.output, format_labels(*labels)));

  double heads = 0.0, ndcg = 0.0;
  for (const QueryLabel& label : labels->queries) {
    heads += static_cast<double>(label.members.size()) / static_cast<double>(labels->queries.size());
    ndcg += label.ndcg / static_cast<double>(labels->queries.size());
  }
  if (flags.json) {
    Json json;
    json["queries"] = labels->queries.size();
    json["pool"] = labels->pool.size();
    json["heads_a_query"] = heads;
    json["oracle_ndcg@10"] = ndcg;
    json["left_out"] = {{"without_judgements", labels->unjudged},
                        {"without_relevant", labels->without_relevant},
                        {"ties", labels->ties}};
    json["seconds"] = seconds;
    return write_stdout(json_text(json) + "\n");
  }
  char text[400];
  std::snprintf(
      text, sizeof text,
      "%zu queries labelled with %.1f of %zu heads each, in %.2f s\n"
      "left out: %zu without judgements, %zu without a relevant candidate, %zu where every head set ranks "
      "alike\nnDCG@10 of the labels on their own queries %.4f: an oracle's figure, it fits noise too\n",
      labels->queries.size(), heads, labels->pool.size(), seconds, labels->unjudged, labels->without_relevant,
      labels->ties, ndcg);
  if (flags.output.empty()) print_note(context.verb, context.quiet, "no --output: the labels are not kept");
  return write_stdout(text);
}

}  // namespace

Action add_route_label(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<LabelFlags>();
  add_store_flags(verb, *flags);
  LabelOptions& options = flags->options;
  constexpr const char* kSearch = "Search";
  verb.add_option("--pool", options.pool, "Heads searched: the best by single-head nDCG@10")
      ->group(kSearch)
      ->capture_default_str()
      ->check(at_least(1));
  verb.add_option("--most", options.most, "Heads of a label at most")
      ->group(kSearch)
      ->capture_default_str()
      ->check(at_least(1));
  verb.add_option("--label-votes", options.votes,
                  "Searches for each query on samples of its candidates; heads found in half of them stay")
      ->group(kSearch)
      ->capture_default_str()
      ->check(at_least(1));
  verb.add_option("--sample", options.sample, "With --label-votes: share of the candidates in a sample")
      ->group(kSearch)
      ->capture_default_str()
      ->check(between(0.05, 1.0));
  verb.add_option("--seed", options.seed, "Of the samples")->group(kSearch)->capture_default_str();
  verb.add_option("--output", flags->output, "File of the labels")->group("Result");
  verb.add_flag("--json", flags->json, "One JSON object instead of a text")->group("Result");
  return [flags, &context] { return run_label(*flags, context); };
}

}  // namespace headwise
