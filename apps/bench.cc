// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// The verb `bench`: how fast this machine re-ranks, beside what it could do at most. Bounds and speed are
// measured in the same run, the bounds before and after, so that a busy machine shows in both.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/stopwatch.h"
#include "base/threads.h"
#include "bench_request.h"
#include "common/app.h"
#include "common/engine_flags.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/signals.h"
#include "common/value_checks.h"
#include "headwise/dataset.h"
#include "kernels/peak.h"

namespace headwise {
namespace {

struct BenchFlags {
  EngineSettings engine;
  std::string query;
  std::string documents;
  int passages = 20;
  int words = 62;  // 20 of these are about 1,700 tokens with SmolLM2's vocabulary
  int repeat = 5;
  int triad_megabytes = 600;
  bool json = false;
  std::string output;
};

constexpr double kPeakSeconds = 0.3;
constexpr int kTriadTrials = 3;

using Clock = std::chrono::steady_clock;
std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

double peak_megabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024e-6;
}

// The trials' rankings, fastest first.
struct Trials {
  std::vector<double> seconds;
  RankingStatistics statistics;  // of the median trial
};

Result<Trials> run_trials(Engine& engine, const BenchRequest& request, int repeat, ProgressBar& bar) {
  StopOnly stop;
  std::vector<std::pair<double, RankingStatistics>> trials;
  for (int i = -1; i < repeat; ++i) {  // the first warms caches up and does not count
    const auto begun = Clock::now();
    const auto ranking = engine.reranker.rank(request.query, request.passages, &stop);
    if (!ranking) return fail(ranking.error());
    if (i >= 0) trials.emplace_back(seconds_since(begun), ranking->statistics);
    bar.advance("rankings", i + 2, repeat + 1);
  }
  std::sort(trials.begin(), trials.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Trials result;
  for (const auto& trial : trials) result.seconds.push_back(trial.first);
  result.statistics = trials[trials.size() / 2].second;
  return result;
}

double median(const std::vector<double>& sorted) {
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

Result<BenchRequest> make_request(const BenchFlags& flags) {
  if (flags.documents.empty()) {
    BenchRequest request = built_in_request(flags.passages, flags.words);
    if (!flags.query.empty()) request.query = flags.query;
    return request;
  }
  if (flags.query.empty()) return fail(ErrorCode::kUsage, "--documents needs --query");
  auto documents = read_passages(flags.documents);
  if (!documents) return fail(std::move(documents.error()).with_context("reading --documents"));
  BenchRequest request{.query = flags.query, .passages = {}};
  int place = 0;
  for (const Document& document : documents->items()) {
    // Descending scores, so that --fuse can be timed too.
    request.passages.push_back(
        {.id = document.id, .title = document.title, .text = document.text, .first_stage_score = -(place++)});
  }
  return request;
}

std::string text_report(const Json& report) {
  const auto number = [&report](const char* pointer) {
    return report.at(Json::json_pointer(pointer)).get<double>();
  };
  const auto text = [&report](const char* pointer) {
    return report.at(Json::json_pointer(pointer)).get<std::string>();
  };
  std::string share;
  if (report["work"].contains("share_of_bound")) {
    // Above a hundred where smaller numbers are multiplied.
    share = ", " + std::to_string(std::lround(100 * number("/work/share_of_bound"))) + " % of the fp32 bound";
  }
  char lines[2048];
  std::snprintf(lines, sizeof lines,
                "machine     %s, %.0f threads, %s kernels, %s products\n"
                "bounds      %.1f GFLOP/s fp32 multiply-add (%s), %.1f GB/s memory (triad)\n"
                "model       %s, loaded in %.2f s\n"
                "request     %.0f passages, %.0f tokens, %s, %.0f layers run, %.0f heads read\n"
                "time        %.3f s (median of %zu; fastest %.3f)\n"
                "speed       %.0f tokens/s\n"
                "work        %.1f GFLOP (linear %.1f, attention %.1f): %.1f GFLOP/s%s\n"
                "stages      tokenize %.3f s, prefill %.3f s, read %.3f s\n"
                "memory      %.0f MB at most\n",
                text("/machine/processor").c_str(), number("/machine/threads"),
                text("/machine/kernels").c_str(), text("/machine/precision").c_str(),
                number("/bounds/fp32_gflops"), text("/bounds/instruction_set").c_str(),
                number("/bounds/triad_gb_per_s"), text("/model/fingerprint").c_str(),
                number("/model/load_seconds"), number("/request/passages"), number("/request/prompt_tokens"),
                text("/request/encoding").c_str(), number("/request/layers_run"),
                number("/request/heads_read"), number("/seconds/median"), report["seconds"]["all"].size(),
                number("/seconds/fastest"), number("/tokens_per_s"), number("/work/gflop"),
                number("/work/linear_gflop"), number("/work/attention_gflop"), number("/work/gflops"),
                share.c_str(), number("/stages/tokenize"), number("/stages/prefill"), number("/stages/read"),
                number("/peak_megabytes"));
  return lines;
}

Status run_bench(const BenchFlags& flags, const AppContext& context) {
  auto request = make_request(flags);
  if (!request) return fail(std::move(request.error()));
  const auto load_begun = Clock::now();
  auto engine = load_engine(flags.engine);
  if (!engine) return fail(std::move(engine.error()));
  const double load_seconds = seconds_since(load_begun);

  const StopSignals signals;
  ProgressBar bar(context.verb, context.quiet);
  const int threads = flags.engine.threads.value_or(0) > 0 ? *flags.engine.threads : usable_cores();
  const kernels::MachinePeak before = kernels::measure_fma_peak(threads, kPeakSeconds);
  auto trials = run_trials(*engine, *request, flags.repeat, bar);
  bar.finish();
  if (!trials) return fail(std::move(trials.error()));
  const double used_megabytes = peak_megabytes();  // before the triad's own arrays
  const kernels::MachinePeak after = kernels::measure_fma_peak(threads, kPeakSeconds);
  const double bound = std::max(before.gflops, after.gflops);
  const double triad = kernels::measure_triad(threads, flags.triad_megabytes, kTriadTrials);

  const RankingStatistics& statistics = trials->statistics;
  const double seconds = median(trials->seconds);
  const auto passages = static_cast<int>(request->passages.size());
  const RankingWork work = work_of(engine->model->config(), engine->reranker.options(), statistics, passages);
  const double flops = work.linear + work.attention;
  const DecoderDescription decoder = engine->reranker.decoder();
  Json report;
  report["version"] = HEADWISE_VERSION;
  report["compiler"] = __VERSION__;
  report["machine"] = {
      {"processor", processor_name()},      {"cores", usable_cores()},    {"threads", threads},
      {"kernels", decoder.instruction_set}, {"backend", decoder.backend}, {"precision", decoder.precision}};
  report["bounds"] = {{"fp32_gflops", bound},
                      {"fp32_gflops_before", before.gflops},
                      {"fp32_gflops_after", after.gflops},
                      {"instruction_set", before.instruction_set},
                      {"triad_gb_per_s", triad}};
  report["model"] = {{"fingerprint", engine->model->fingerprint()},
                     {"name", engine->model->config().name},
                     {"weights", option_text(engine->settings, "weights")},
                     {"load_seconds", load_seconds}};
  report["request"] = {{"passages", passages},
                       {"prompt_tokens", statistics.prompt_tokens},
                       {"tokens_run", statistics.tokens_run},
                       {"passage_tokens", statistics.passage_tokens},
                       {"passages_kept", statistics.passages_kept},
                       {"layers_run", statistics.layers_run},
                       {"heads_read", statistics.heads_read},
                       {"full_depth", engine->reranker.options().full_depth},
                       {"encoding", option_text(engine->settings, "encoding")},
                       {"calibration", option_text(engine->settings, "calibration")}};
  report["seconds"] = {{"median", seconds}, {"fastest", trials->seconds.front()}, {"all", trials->seconds}};
  report["tokens_per_s"] = static_cast<double>(statistics.prompt_tokens) / seconds;
  report["work"] = {{"gflop", flops * 1e-9},
                    {"linear_gflop", work.linear * 1e-9},
                    {"attention_gflop", work.attention * 1e-9},
                    {"gflops", flops * 1e-9 / seconds}};
  // The bound is the processor's.
  if (decoder.backend == "cpu") report["work"]["share_of_bound"] = flops * 1e-9 / seconds / bound;
  report["stages"] = {{"tokenize", statistics.tokenize_seconds},
                      {"prefill", statistics.prefill_seconds},
                      {"read", statistics.read_seconds}};
  report["peak_megabytes"] = used_megabytes;
  return write_result(flags.output, flags.json ? json_text(report) : text_report(report));
}

}  // namespace

Action add_bench(CLI::App& verb, AppContext& context) {
  auto flags = std::make_shared<BenchFlags>();
  constexpr const char* kWork = "Work";
  verb.add_option("--query", flags->query, "The query (default: a built-in one)")->group(kWork);
  verb.add_option("--documents", flags->documents, "Its passages, as for rerank (default: built-in text)")
      ->group(kWork);
  verb.add_option("--passages", flags->passages, "Passages of the built-in request")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(1, 100000));
  verb.add_option("--words", flags->words, "Words in each of them")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(1, 100000));
  verb.add_option("--repeat", flags->repeat, "Timed rankings, after one that is not; the median counts")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(1, 10000));
  verb.add_option("--triad-megabytes", flags->triad_megabytes,
                  "Memory for the bandwidth measurement; more than the caches hold")
      ->group(kWork)
      ->capture_default_str()
      ->check(between(1, 1000000));
  constexpr const char* kResult = "Result";
  verb.add_flag("--json", flags->json, "All figures as JSON")->group(kResult);
  verb.add_option("--output", flags->output, "Write FILE instead of standard output")->group(kResult);
  add_engine_flags(verb, flags->engine);
  return [flags, &context]() -> Status { return run_bench(*flags, context); };
}

}  // namespace headwise
