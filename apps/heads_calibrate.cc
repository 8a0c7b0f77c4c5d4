// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `heads calibrate`: relevance fitted to the samples of `heads sample` and written into a head set,
// and a page that says how far it is to be trusted; or, with tests alone, how far what the set has is. No
// model is read.
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "common/app.h"
#include "common/diagnostics.h"
#include "common/output.h"
#include "common/value_checks.h"
#include "engine/named_heads.h"
#include "heads/relevance_fit.h"
#include "headwise/head_set.h"
#include "report/relevance_page.h"

namespace headwise {
namespace {

struct CalibrateFlags {
  std::vector<std::string> samples;
  std::vector<std::string> tests;
  std::string heads;
  std::string output;
  std::string report;
  RelevanceFitOptions fit;
};

// Requests of about 1, 5, 20 and 100 candidates.
struct SizeBand {
  const char* name;
  int64_t low, high;
};
constexpr SizeBand kBands[] = {{"1", 1, 1}, {"4 to 6", 4, 6}, {"16 to 24", 16, 24}, {"80 to 100", 80, 100}};

// Two relevances of a passage that are called alike.
constexpr double kNearAlone = 0.15;

Status check_flags(const CalibrateFlags& flags) {
  if (flags.samples.empty() && flags.tests.empty()) {
    return fail(
        ErrorCode::kUsage,
        "--samples FILE of `headwise heads sample` is missing; or give --test FILE alone, to see how far "
        "the relevance that the set has is to be trusted");
  }
  if (flags.samples.empty() && !flags.output.empty()) {
    return fail(ErrorCode::kUsage, "--output: nothing is fitted without --samples FILE; leave it out");
  }
  if (flags.heads.empty()) {
    return fail(ErrorCode::kUsage, "--heads FILE, the head set that the samples were read with, is missing");
  }
  if (!flags.output.empty()) HW_RETURN_IF_ERROR(check_output_file(flags.output));
  return flags.report.empty() ? Status{} : check_output_file(flags.report, "--report");
}

Result<std::vector<RelevanceSamples>> read_all(const std::vector<std::string>& files, const HeadSet& set) {
  std::vector<RelevanceSamples> all;
  for (const std::string& file : files) {
    auto samples = read_relevance_samples(file);
    HW_RETURN_IF_ERROR(samples);
    const Status fits = check_samples(*samples, set);
    if (!fits) return fail(Error(fits.error()).with_context("reading '" + file + "'"));
    all.push_back(std::move(*samples));
  }
  return all;
}

RelevanceSection section_of(const std::string& name, std::span<const RequestForecast> told) {
  RelevanceSection section{.name = name, .curves = {}};
  for (const SizeBand& band : kBands) {
    section.curves.push_back({band.name, reliability_at(told, band.low, band.high),
                              share_as_alone(told, band.low, band.high, kNearAlone)});
  }
  return section;
}

std::string as_table(const std::vector<RelevanceSection>& sections) {
  std::string text =
      "questions                     candidates  passages  relevant  ECE     Brier   AUC    as alone\n";
  const auto shown = [](const std::optional<double>& share, const char* format, double times) {
    char digits[16] = "-";
    if (share) std::snprintf(digits, sizeof digits, format, times * *share);
    return std::string(digits);
  };
  char line[200];
  for (const RelevanceSection& section : sections) {
    for (const RelevanceCurve& curve : section.curves) {
      const Reliability& r = curve.reliability;
      if (r.count == 0) continue;
      std::snprintf(line, sizeof line, "%-29s %-11s %8lld  %7.1f%%  %.4f  %.4f  %-5s  %s\n",
                    section.name.c_str(), curve.candidates.c_str(), static_cast<long long>(r.count),
                    100.0 * r.base_rate, r.error, r.brier, shown(r.auc, "%.3f", 1.0).c_str(),
                    shown(curve.as_alone, "%.0f%%", 100.0).c_str());
      text += line;
    }
  }
  return text;
}

Status write_page(const CalibrateFlags& flags, const RelevanceFit& fit,
                  std::vector<RelevanceSection> sections) {
  RelevanceReport report{.heads = flags.heads,
                         .data = fit.data,
                         .sections = std::move(sections),
                         .weights = {{"bias", fit.bias}}};
  const auto features = relevance_features();
  for (size_t k = 0; k < features.size(); ++k) {
    report.weights.emplace_back(features[k].name, fit.weights[k]);
  }
  return write_file_atomically(flags.report, relevance_html(report));
}

// Of the samples, judged on each of them in turn; without samples what the set has.
Result<RelevanceFit> fit_or_own(const CalibrateFlags& flags, const HeadSet& set,
                                const std::vector<RelevanceSamples>& samples,
                                std::vector<RelevanceSection>& sections) {
  if (samples.empty()) {
    if (set.relevance) return *set.relevance;
    return fail(ErrorCode::kUsage,
                "--heads: '" + flags.heads + "' has no relevance to test; fit one with --samples FILE");
  }
  auto fit = fit_relevance(samples, flags.fit);
  HW_RETURN_IF_ERROR(fit);
  const auto held_out = held_out_forecasts(samples, flags.fit);
  HW_RETURN_IF_ERROR(held_out);
  fit->error = reliability_at(*held_out, 1, std::numeric_limits<int64_t>::max()).error;
  sections.push_back(section_of("left out in turn", *held_out));
  return fit;
}

Status run_calibrate(const CalibrateFlags& flags, const AppContext& context) {
  HW_RETURN_IF_ERROR(check_flags(flags));
  auto set = named_head_set(flags.heads);
  HW_RETURN_IF_ERROR(set);
  if (!*set) return fail(ErrorCode::kUsage, "--heads: expected a head set; found '" + flags.heads + "'");
  const auto samples = read_all(flags.samples, **set);
  HW_RETURN_IF_ERROR(samples);
  const auto tests = read_all(flags.tests, **set);
  HW_RETURN_IF_ERROR(tests);
  std::vector<RelevanceSection> sections;
  auto fit = fit_or_own(flags, **set, *samples, sections);
  HW_RETURN_IF_ERROR(fit);
  for (const RelevanceSamples& test : *tests) {
    sections.push_back(section_of(test.data, forecasts(*fit, std::span(&test, 1))));
  }
  HW_RETURN_IF_ERROR(write_stdout(as_table(sections)));
  if (!flags.report.empty()) HW_RETURN_IF_ERROR(write_page(flags, *fit, std::move(sections)));
  if (flags.output.empty()) return {};
  (*set)->relevance = std::move(*fit);
  HW_RETURN_IF_ERROR(write_file_atomically(flags.output, format_head_set(**set, HeadSetFormat::kHeadwise)));
  print_note(context.verb, context.quiet,
             "ask for it with headwise rerank --heads " + flags.output + " --score relevance");
  return {};
}

}  // namespace

Action add_heads_calibrate(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<CalibrateFlags>();
  constexpr const char* kWork = "Work";
  verb.add_option(
          "--samples", flags->samples,
          "Files of `heads sample`, of training questions; without them --test judges what the set has")
      ->group(kWork);
  verb.add_option("--test", flags->tests, "The same of other questions, which are foretold and not fitted to")
      ->group(kWork);
  verb.add_option("--heads", flags->heads, "The head set that they were read with: a file or a name")
      ->group(kWork);
  verb.add_option("--ridge", flags->fit.ridge, "How much large weights are held back")
      ->group(kWork)
      ->capture_default_str()
      ->check(above(0.0));
  verb.add_option("--output", flags->output, "The head set with relevance; may be the file of --heads")
      ->group("Result");
  verb.add_option("--report", flags->report, "A page with reliability curves: FILE.html")->group("Result");
  return [flags, &context] { return run_calibrate(*flags, context); };
}

}  // namespace headwise
