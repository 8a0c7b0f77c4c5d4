// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "decoder/create.h"
#include "gpu/models.h"
#include "gpu/programs.h"
#include "gpu/requests.h"

namespace headwise::gpu_bench {
namespace {

// Of the root of the mean square of a prompt's heads and passages, and of the worst of them.
struct Bound {
  const char* precision;
  double mean;
  double worst;
};
constexpr Bound kBounds[] = {{"fp32", 1e-4, 1e-4}, {"bf16", 2e-2, 0.12}};

bool check_pass(Decoder& cpu, Decoder& device, const ModelConfig& config, const Bound& bound, bool blocks,
                nlohmann::ordered_json& row) {
  // More than a tile of keys, less than one, and a single token.
  const Request request = make_request({.blocks = blocks,
                                        .passages = {9, 70, 1, 33, 130},
                                        .lead = 5,
                                        .query = 17,
                                        .ids = std::min<int64_t>(config.vocabulary, 4096)});
  const std::vector<HeadId> heads = all_heads(config);
  const PassOutcome expected = run_pass(cpu, request, {.heads = heads});
  const PassOutcome found = run_pass(device, request, {.heads = heads, .keep = true});
  const Difference differs = difference(found.scores, expected.scores);
  const std::vector<HeadId> one = {{static_cast<int>(config.layers) / 2, 1 % static_cast<int>(config.heads)}};
  const std::vector<double> truncated = run_pass(device, request, {.heads = one}).scores;
  const bool twice = run_pass(device, request, {.heads = heads}).scores == found.scores;
  const bool full = run_pass(device, request, {.heads = one, .full_depth = true}).scores == truncated;
  const bool kept =
      run_pass(device, request, {.heads = heads, .given = given_of(request, found)}).scores == found.scores;
  const bool good = differs.mean <= bound.mean && differs.worst <= bound.worst && twice && full && kept;
  row["mean"] = differs.mean;
  row["worst"] = differs.worst;
  row["same bits twice"] = twice;
  row["truncated is full"] = full;
  row["kept is fresh"] = kept;
  row["good"] = good;
  return good;
}

}  // namespace

bool check(std::span<const std::string> models, nlohmann::ordered_json& report) {
  bool all = true;
  report["checks"] = nlohmann::ordered_json::array();
  for (const std::string& path : models) {
    const auto weights = open_weights(path);
    const auto cpu = create_decoder(weights, DecoderOptions{}).value();
    for (const Bound& bound : kBounds) {
      const auto device = on_device(weights, bound.precision);
      report["device"] = device->describe().instruction_set;
      for (const bool blocks : {true, false}) {
        nlohmann::ordered_json row = {{"model", std::filesystem::path(path).filename().string()},
                                      {"precision", bound.precision},
                                      {"encoding", blocks ? "blocks" : "list"}};
        all = check_pass(*cpu, *device, weights->config, bound, blocks, row) && all;
        report["checks"].push_back(std::move(row));
      }
    }
  }
  report["good"] = all;
  return all;
}

}  // namespace headwise::gpu_bench
