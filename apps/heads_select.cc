// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads select`: finds a head set in head-score stores and writes it as a file.
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/check.h"
#include "common/app.h"
#include "common/output.h"
#include "common/store_flags.h"
#include "common/value_checks.h"
#include "heads/selection.h"
#include "headwise/head_set.h"

namespace headwise {
namespace {

constexpr std::array<Word<HeadSetFormat>, 3> kFormats{{{"headwise", HeadSetFormat::kHeadwise},
                                                       {"qrhead", HeadSetFormat::kQrHead},
                                                       {"core", HeadSetFormat::kCore}}};

struct SelectFlags : StoreFlags {
  std::string method = "static";
  std::string output;
  std::string format = "headwise";
  bool json = false;
  double fuse = 0.7;
  SelectionOptions options;
};

std::string as_table(const Selection& found, const SelectFlags& flags, double first_stage, double fused,
                     size_t queries) {
  std::string text = "head    " + flags.method + "\n";
  char line[160];
  for (size_t i = 0; i < found.heads.size(); ++i) {
    const std::string name = to_string(found.heads[i]);
    if (found.head_scores.empty()) {
      std::snprintf(line, sizeof line, "%-7s\n", name.c_str());
    } else {
      std::snprintf(line, sizeof line, "%-7s %.6g\n", name.c_str(), found.head_scores[i]);
    }
    text += line;
  }
  std::snprintf(line, sizeof line,
                "\nnDCG@10 on these %zu queries: %.4f alone, %.4f fused; first stage %.4f\n", queries,
                found.ndcg, fused, first_stage);
  return text + line;
}

Status run_select(const SelectFlags& flags, const AppContext& context) {
  const SelectionMethod* method = find_selection_method(flags.method);
  if (method == nullptr) return fail(ErrorCode::kUsage, "unknown --method '" + flags.method + "'");
  if (!flags.output.empty()) HW_RETURN_IF_ERROR(check_output_file(flags.output));
  auto stores = load_stores(flags, context);
  if (!stores) return fail(std::move(stores.error()));
  SelectionOptions options = flags.options;
  put_in_calibration(flags, options);
  ThreadPool threads(flags.threads);
  auto found = select_heads(*stores, *method, options, threads);
  if (!found) return fail(std::move(found.error()));
  const HeadSet set = head_set_of(*stores, *found, *method, options);
  if (!flags.output.empty()) {
    HW_RETURN_IF_ERROR(write_result(
        flags.output,
        format_head_set(set, meaning_of(kFormats, flags.format).value_or(HeadSetFormat::kHeadwise))));
  }
  const double first_stage = first_stage_ndcg(*stores);
  const double fused =
      sum_ndcg(*stores, {.heads = found->heads, .weights = found->weights, .first_stage_weight = flags.fuse},
               options, threads);
  if (!flags.json) {
    return write_stdout(as_table(*found, flags, first_stage, fused, stores->queries.size()));
  }
  Json json = Json::parse(format_head_set(set, HeadSetFormat::kHeadwise));
  json["queries"] = stores->queries.size();
  json["fused_ndcg@10"] = fused;
  json["first_stage_ndcg@10"] = first_stage;
  return write_stdout(json_text(json) + "\n");
}

}  // namespace

Action add_heads_select(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<SelectFlags>();
  SelectionOptions& options = flags->options;
  constexpr const char* kWork = "Work";
  add_store_flags(verb, *flags);
  verb.add_option("--method", flags->method, "How heads are found")
      ->group(kWork)
      ->capture_default_str()
      ->check(one_of(selection_method_names()));
  constexpr const char* kMethod = "Methods (defaults are the published values)";
  verb.add_option("--count", options.count,
                  "Heads wanted; 0: qr 16, weighted 32, core, headrank, static, random 8")
      ->group(kMethod)
      ->check(at_least(0));
  verb.add_option("--max-layer", options.max_layer, "Heads of deeper layers are left out")->group(kMethod);
  verb.add_option("--window", options.window, "layers: width")
      ->group(kMethod)
      ->capture_default_str()
      ->check(at_least(1));
  verb.add_flag("--by-ndcg", options.qr_by_ndcg, "qr: the single head's nDCG@10 instead of attention mass")
      ->group(kMethod);
  verb.add_option("--temperature", options.temperature, "core: of the softmax")
      ->group(kMethod)
      ->capture_default_str()
      ->check(above(0.0));
  verb.add_option("--negatives", options.negatives, "core: the first stage's first N without a grade; 0: all")
      ->group(kMethod)
      ->check(at_least(0));
  verb.add_option("--entropy-weight", options.entropy_weight, "headrank")
      ->group(kMethod)
      ->capture_default_str();
  verb.add_option("--margin-scale", options.margin_scale, "headrank: of the sigmoid")
      ->group(kMethod)
      ->capture_default_str()
      ->check(above(0.0));
  verb.add_option("--pool", options.pool, "static: heads searched, the best by single-head nDCG@10")
      ->group(kMethod)
      ->capture_default_str()
      ->check(at_least(1));
  verb.add_option("--ridge", options.ridge, "weighted: of the squared weights")
      ->group(kMethod)
      ->capture_default_str()
      ->check(above(0.0));
  verb.add_option("--seed", options.seed, "random")->group(kMethod)->capture_default_str();
  constexpr const char* kResult = "Result";
  verb.add_option("--output", flags->output, "Head-set file")->group(kResult);
  verb.add_option("--format", flags->format, "Of that file")
      ->group(kResult)
      ->capture_default_str()
      ->check(one_of(words_of(kFormats)));
  verb.add_option("--fuse", flags->fuse, "First stage's weight in the fused figure shown")
      ->group(kResult)
      ->capture_default_str();
  verb.add_flag("--json", flags->json, "One JSON object instead of a table")->group(kResult);
  return [flags, &context] { return run_select(*flags, context); };
}

}  // namespace headwise
