// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// headwise_gpu check MODEL... | speed SHAPE [--dry]: what bench/gpu/run.sh runs on a card. JSON on stdout;
// the exit status is 1 where a check is outside its bound, 2 where something could not be run.
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoder/cuda/create.h"
#include "gpu/programs.h"

namespace headwise::gpu_bench {

std::unique_ptr<Decoder> on_device(const std::shared_ptr<const ModelWeights>& weights,
                                   std::string_view precision) {
  auto decoder =
      create_cuda_decoder(weights, {.type = precision == "fp32" ? device::kFloat : device::kBfloat16});
  if (!decoder) throw std::runtime_error(decoder.error().to_string());
  return std::move(*decoder);
}

}  // namespace headwise::gpu_bench

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  nlohmann::ordered_json report;
  try {
    bool good = true;
    if (words.size() >= 2 && words[0] == "check") {
      good = headwise::gpu_bench::check(std::span(words).subspan(1), report);
    } else if (words.size() >= 2 && words[0] == "speed") {
      headwise::gpu_bench::measure(words[1], words.size() > 2 && words[2] == "--dry", report);
    } else {
      std::fputs("headwise_gpu check MODEL... | speed SHAPE [--dry]\n", stderr);
      return 2;
    }
    std::puts(report.dump(1).c_str());
    return good ? 0 : 1;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "headwise_gpu: %s\n", problem.what());
    return 2;
  }
}
