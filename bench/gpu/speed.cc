// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/stopwatch.h"
#include "gpu/models.h"
#include "gpu/programs.h"
#include "gpu/requests.h"

namespace headwise::gpu_bench {
namespace {

using Clock = std::chrono::steady_clock;

// At most `most` runs and `seconds` together, after one that is not counted; ascending.
std::vector<double> time_runs(const std::function<void()>& run, size_t most, double seconds) {
  run();
  std::vector<double> taken;
  const auto begun = Clock::now();
  while (taken.size() < most && (taken.size() < 3 || seconds_since(begun) < seconds)) {
    const auto start = Clock::now();
    run();
    taken.push_back(seconds_since(start));
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

double at(const std::vector<double>& ascending, double share) {
  const auto last = static_cast<double>(ascending.size() - 1);
  return ascending[static_cast<size_t>(std::lround(share * last))];
}

// Sixteen heads of the upper half, of the last layer too: every layer runs.
std::vector<HeadId> read_heads(const ModelConfig& config) {
  const int layers = static_cast<int>(config.layers);
  std::vector<HeadId> heads;
  for (int i = 0; i < 16; ++i) {
    const HeadId head{layers - 1 - i % std::max(layers / 2, 1), (5 * i) % static_cast<int>(config.heads)};
    if (std::find(heads.begin(), heads.end(), head) == heads.end()) heads.push_back(head);
  }
  return heads;
}

// Two for each weight and row; attention beside it: two products over every pair of a row and a key it sees.
struct Work {
  double linear = 0.0;
  double attention = 0.0;
};
Work work_of(const ModelWeights& weights, const PromptLayout& layout) {
  const ModelConfig& config = weights.config;
  double matrices = 0.0;
  for (const LayerSpec& layer : weights.spec.layers)
    matrices += static_cast<double>(matrix_values(layer, config));
  double pairs = 0.0;
  for (const PromptSegment& segment : layout.segments) {
    double before = 0.0;
    for (const int seen : segment.context) before += static_cast<double>(layout.segment(seen).tokens);
    const auto rows = static_cast<double>(segment.tokens);
    pairs += rows * before + rows * (rows + 1) / 2;
  }
  return {2 * matrices * static_cast<double>(layout.tokens()),
          4 * pairs * static_cast<double>(config.layers * config.heads * config.head_width)};
}

}  // namespace

void measure(const std::string& shape, bool dry, nlohmann::ordered_json& report) {
  const auto weights = random_weights(shape);
  const std::vector<HeadId> heads = read_heads(weights->config);
  const auto decoder = on_device(weights, "bf16");
  const auto begun = Clock::now();
  const Status ready = decoder->prepare(static_cast<int>(weights->config.layers));
  if (!ready) throw std::runtime_error(ready.error().to_string());
  report = {{"shape", shape},
            {"config", nlohmann::ordered_json::parse(config_of(shape))},
            {"device", decoder->describe().instruction_set},
            {"precision", decoder->describe().precision},
            {"weights brought, seconds", seconds_since(begun)},
            {"passes", nlohmann::ordered_json::array()}};
  for (const size_t passages : {size_t{20}, size_t{100}}) {
    for (const bool blocks : {true, false}) {
      const Request request = make_request(
          {.blocks = blocks, .passages = std::vector<int64_t>(dry ? passages / 10 : passages, 110)});
      const std::vector<double> taken =
          time_runs([&] { run_pass(*decoder, request, {.heads = heads}); }, dry ? 1 : 20, 3.0);
      const Work work = work_of(*weights, request.layout);
      const double median = at(taken, 0.5);
      report["passes"].push_back(
          {{"encoding", blocks ? "blocks" : "list"},
           {"passages", passages},
           {"tokens", request.layout.tokens()},
           {"seconds", {{"median", median}, {"fastest", taken.front()}, {"runs", taken.size()}}},
           {"tokens_per_s", static_cast<double>(request.layout.tokens()) / median},
           {"tflop", {{"linear", work.linear * 1e-12}, {"attention", work.attention * 1e-12}}},
           {"tflops", (work.linear + work.attention) * 1e-12 / median}});
      if (!blocks) continue;
      const PassOutcome first = run_pass(*decoder, request, {.heads = heads, .keep = true});
      const std::vector<GivenSegment> given = given_of(request, first);
      const std::vector<double> again = time_runs(
          [&] { run_pass(*decoder, request, {.heads = heads, .given = given}); }, dry ? 3 : 300, 5.0);
      report["passes"].back()["kept"] = {{"rows", request.rows.front().tokens},
                                         {"p50", at(again, 0.5)},
                                         {"p99", at(again, 0.99)},
                                         {"runs", again.size()}};
    }
  }
}

}  // namespace headwise::gpu_bench
