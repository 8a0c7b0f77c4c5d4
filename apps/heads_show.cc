// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads show`: what head-score stores say about each head and layer, how head sets overlap, and the
// list of published sets when neither is given.
#include <filesystem>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/store_flags.h"
#include "common/terminal.h"
#include "common/value_checks.h"
#include "engine/named_heads.h"
#include "heads/head_report.h"
#include "heads_show_print.h"
#include "report/heads_page.h"

namespace headwise {
namespace {

struct ShowFlags : StoreFlags {
  std::vector<std::string> heads;
  bool catalogue = false;
  bool json = false;
  std::string report;
  StabilityOptions stability;
};

struct Shape {
  int layers = 0;  // 0: not known
  int heads = 0;
};

// "all" and layer windows become lists once the shape is known.
Result<std::vector<NamedHeadSet>> read_sets(const std::vector<std::string>& given, Shape shape) {
  std::vector<NamedHeadSet> sets;
  std::vector<std::optional<HeadSelection>> selections;
  for (const std::string& text : given) {
    auto set = named_head_set(text);
    HW_RETURN_IF_ERROR(set);
    sets.push_back({text, set->value_or(HeadSet{})});
    selections.emplace_back();
    if (*set) {
      if (shape.layers == 0 && (*set)->target) shape = {(*set)->target->layers, (*set)->target->heads};
      continue;
    }
    auto selection = HeadSelection::parse(text);
    if (!selection) return fail(std::move(selection.error()).with_context("reading --heads '" + text + "'"));
    selections.back() = std::move(*selection);
  }
  for (size_t i = 0; i < sets.size(); ++i) {
    if (!selections[i]) continue;
    if (shape.layers == 0 && selections[i]->kind != HeadSelection::Kind::kList) {
      return fail(ErrorCode::kUsage,
                  "--heads '" + sets[i].name +
                      "' needs a model's shape: give --store, or a set that names its model");
    }
    constexpr int kAny = 1 << 20;
    auto heads =
        selections[i]->resolve(shape.layers > 0 ? shape.layers : kAny, shape.layers > 0 ? shape.heads : kAny);
    if (!heads) return fail(std::move(heads.error()).with_context("reading --heads '" + sets[i].name + "'"));
    sets[i].set.heads = std::move(*heads);
  }
  return sets;
}

Result<HeadReport> make_report(const ShowFlags& flags, const AppContext& context) {
  std::optional<JudgedStores> stores;
  if (!flags.stores.empty() || !flags.qrels.empty()) {
    auto loaded = load_stores(flags, context);
    HW_RETURN_IF_ERROR(loaded);
    stores = std::move(*loaded);
  }
  auto sets =
      read_sets(flags.heads, stores ? Shape{stores->manifest.layers, stores->manifest.heads} : Shape{});
  HW_RETURN_IF_ERROR(sets);
  ThreadPool threads(stores ? flags.threads : 1);
  if (!stores) return head_report(std::move(*sets), nullptr, threads);
  ReportedStores reported{*stores, flags.stores, {}, flags.stability};
  put_in_calibration(flags, reported.options);
  return head_report(std::move(*sets), &reported, threads);
}

Status run_show(const ShowFlags& flags, const AppContext& context) {
  const bool nothing = flags.stores.empty() && flags.qrels.empty() && flags.heads.empty();
  if (flags.catalogue && !nothing) {
    return fail(ErrorCode::kUsage,
                "--catalogue lists the published head sets; leave --store, --qrels and --heads out");
  }
  if (nothing) {
    if (!flags.report.empty()) {
      return fail(ErrorCode::kUsage, "--report needs something to draw: --store with --qrels, or --heads");
    }
    if (flags.json) return write_stdout(json_text(catalogue_json(head_catalogue())));
    return write_stdout(catalogue_text(head_catalogue(), terminal_columns()));
  }
  if (!flags.report.empty()) HW_RETURN_IF_ERROR(check_output_file(flags.report));
  auto report = make_report(flags, context);
  if (!report) return fail(std::move(report.error()));
  if (!flags.report.empty()) {
    HW_RETURN_IF_ERROR(write_file_atomically(flags.report, head_report_html(*report)));
    print_note(context.verb, context.quiet, "report written to '" + flags.report + "'");
  }
  if (flags.json) return write_stdout(json_text(heads_json(*report)));
  return write_stdout(heads_text(*report, {stdout_is_terminal(), colours_wanted(), terminal_columns()}));
}

}  // namespace

Action add_heads_show(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<ShowFlags>();
  add_store_flags(verb, *flags);
  verb.add_option(
          "--heads", flags->heads,
          "Head set: a file, a published list's name, a list 13-18,14-2, or layers 8..11; once for each")
      ->group("Work");
  verb.add_flag("--catalogue", flags->catalogue,
                "List the published head sets, as when neither --store nor --heads is given")
      ->group("Work");
  constexpr const char* kStability = "Stability";
  verb.add_option("--top", flags->stability.top, "Best heads whose overlap is counted")
      ->group(kStability)
      ->capture_default_str()
      ->check(at_least(1));
  verb.add_option("--splits", flags->stability.splits,
                  "Random halves of the queries, where no stores share queries")
      ->group(kStability)
      ->capture_default_str()
      ->check(between(1, 10000));
  verb.add_option("--seed", flags->stability.seed, "Of the halves")->group(kStability)->capture_default_str();
  constexpr const char* kResult = "Result";
  verb.add_option("--report", flags->report, "Write a self-contained HTML page: map, curve, sets, overlap")
      ->group(kResult)
      ->type_name("FILE.html");
  verb.add_flag("--json", flags->json, "One JSON object instead of tables")->group(kResult);
  return [flags, &context] { return run_show(*flags, context); };
}

}  // namespace headwise
