// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the speed of a pass that is given its passages: the rows of an instruction, a query and
// a content-free query behind the keys and values of a prefix and of all passages, which an earlier pass
// kept. Made-up tokens on a real model. JSON on stdout: the fastest of the rounds beside the bound, the
// FLOPs of the rows at the speed of multiply-adds that the same run measured.
//
//   headwise_bench_kept MODEL [threads] [rounds]
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

#include "decoder/create.h"
#include "headwise/model.h"
#include "kernels/peak.h"
#include "measure.h"

namespace headwise::bench {
namespace {

struct Shape {
  int64_t passages;
  int64_t tokens;       // of each
  int64_t instruction;  // rows
  int64_t query;
  int64_t content_free;
};
constexpr Shape kShapes[] = {
    {20, 75, 16, 13, 11}, {20, 75, 10, 8, 7}, {100, 110, 16, 13, 11}, {100, 110, 10, 8, 7}};
constexpr int64_t kPrefix = 32;

std::vector<int32_t> made_up_ids(int64_t count, uint32_t& state, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    ids.push_back(static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(vocabulary)));
  }
  return ids;
}

// A third of the model's heads by layer, in its first two thirds: what a head set reads.
std::vector<HeadId> some_heads(const ModelConfig& config) {
  std::vector<HeadId> heads;
  const int deepest = static_cast<int>(config.layers * 3 / 5);
  for (int layer = deepest; layer > 0 && heads.size() < 8; layer -= heads.size() % 2 == 0 ? 0 : 3) {
    heads.push_back({layer, static_cast<int>(static_cast<int64_t>(heads.size()) * 5 % config.heads)});
  }
  return heads;
}

class KeptPrompt {
 public:
  KeptPrompt(const std::shared_ptr<const Model>& model, const Shape& shape, int threads)
      : config_(model->config()), heads_(some_heads(config_)) {
    decoder_ = create_decoder(model, {.threads = threads}).value();
    uint32_t state = 1;
    const auto add = [&](int64_t tokens, int64_t position, std::vector<int> context) {
      return layout_.add_segment(made_up_ids(tokens, state, config_.vocabulary), position,
                                 std::move(context));
    };
    std::vector<int> seen{add(kPrefix, 0, {})};
    for (int64_t i = 0; i < shape.passages; ++i) seen.push_back(add(shape.tokens, kPrefix, {0}));
    encode(seen);
    const int64_t behind = kPrefix + shape.tokens;
    seen.push_back(add(shape.instruction, behind, seen));
    rows_.push_back(rows_of(seen.back()));
    for (const int64_t rows : {shape.query, shape.content_free}) {
      rows_.push_back(rows_of(add(rows, behind + shape.instruction, seen)));
    }
  }

  double flops() const {
    double flops = 0.0;
    const int layers = heads_.front().layer;
    const int64_t HD = config_.heads * config_.head_width;
    const int64_t KD = config_.kv_heads * config_.head_width;
    const double weights =
        static_cast<double>((2 * HD + 2 * KD) * config_.width + 3 * config_.width * config_.ffn_width);
    for (const RowGroup& group : rows_) {
      double keys = static_cast<double>(group.tokens + 1) / 2;
      for (const int earlier :
           layout_.segments[static_cast<size_t>(layout_.segment_of(group.token_begin))].context) {
        keys += static_cast<double>(layout_.segment(earlier).tokens);
      }
      const double of_a_row =
          layers * (2.0 * weights + 4.0 * static_cast<double>(HD) * keys) +
          2.0 * static_cast<double>(heads_.size() * static_cast<size_t>(config_.head_width)) * keys;
      flops += static_cast<double>(group.tokens) * of_a_row;
    }
    return flops;
  }

  int64_t rows() const {
    int64_t rows = 0;
    for (const RowGroup& group : rows_) rows += group.tokens;
    return rows;
  }

  struct Seconds {
    double pass;
    double reading;    // part of it
    double processor;  // of all threads
  };
  Seconds run() {
    DecodeRequest request;
    request.prompt = &layout_;
    request.heads = heads_;
    request.rows = rows_;
    request.given = given_;
    DecodeResult result;
    const std::clock_t start = std::clock();
    const double seconds = timed([&] { result = decoder_->run(request).value(); });
    return {seconds, result.read_seconds, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC};
  }

 private:
  void encode(const std::vector<int>& segments) {
    DecodeRequest request;
    request.prompt = &layout_;
    request.heads = heads_;
    request.keep = segments;
    const DecodeResult result = decoder_->run(request).value();
    for (size_t i = 0; i < segments.size(); ++i) given_.push_back({segments[i], result.kept[i]});
  }

  RowGroup rows_of(int segment) const {
    return {layout_.segment(segment).token_begin, layout_.segment(segment).tokens};
  }

  const ModelConfig& config_;
  std::vector<HeadId> heads_;
  std::unique_ptr<Decoder> decoder_;
  PromptLayout layout_;
  std::vector<GivenSegment> given_;
  std::vector<RowGroup> rows_;
};

int run(int argc, char** argv) {
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 15;
  if (argc < 2 || threads < 1 || rounds < 1) {
    std::fprintf(stderr, "headwise_bench_kept MODEL [threads] [rounds], both at least 1\n");
    return 2;
  }
  const auto model = Model::load(argv[1], {.weights = ModelOptions::Weights::kFloat32});
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().to_string().c_str());
    return 1;
  }
  const kernels::MachinePeak peak = kernels::measure_fma_peak(threads, 0.5);
  print_machine(peak.instruction_set, threads);
  std::printf(",\n \"peak_gflops\": %.1f, \"shapes\": [", peak.gflops);
  const char* between = "";
  for (const Shape& shape : kShapes) {
    KeptPrompt prompt(*model, shape, threads);
    std::vector<KeptPrompt::Seconds> seconds;
    for (int round = 0; round < rounds; ++round) seconds.push_back(prompt.run());
    const auto faster = [](const auto& a, const auto& b) { return a.pass < b.pass; };
    std::sort(seconds.begin(), seconds.end(), faster);
    const double best = seconds.front().pass;
    const double gflops = prompt.flops() / best * 1e-9;
    std::printf(
        "%s\n  {\"passages\": %lld, \"tokens\": %lld, \"rows\": %lld, \"ms\": %.2f, \"median_ms\": %.2f, "
        "\"read_ms\": %.2f, \"processor_ms\": %.2f, \"bound_ms\": %.2f, \"gflops\": %.1f, \"of_bound\": "
        "%.3f}",
        between, static_cast<long long>(shape.passages), static_cast<long long>(shape.tokens),
        static_cast<long long>(prompt.rows()), best * 1e3, seconds[seconds.size() / 2].pass * 1e3,
        seconds.front().reading * 1e3, seconds.front().processor * 1e3, prompt.flops() / peak.gflops * 1e-6,
        gflops, gflops / peak.gflops);
    std::fflush(stdout);
    between = ",";
  }
  std::printf("]}\n");
  return 0;
}

}  // namespace
}  // namespace headwise::bench

int main(int argc, char** argv) { return headwise::bench::run(argc, argv); }
