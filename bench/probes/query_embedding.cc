// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Milliseconds that routing adds to a query: the embedding of each line of standard input, with caches swept
// before each as a rerank would. The bound is the time to read the layers' fp32 weights once.
//
//   headwise_query_embedding MODEL.gguf fp32|stored THREADS ROUNDS < questions.txt
//
// On a shared machine a sample counts only when the kernel did not take a core away during it.
#include "route/query_embedding.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

long switches() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

double sweep(const std::vector<float>& large) {
  double sum = 0.0;
  for (size_t i = 0; i < large.size(); i += 16) sum += static_cast<double>(large[i]);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  using headwise::Model;
  using headwise::ModelOptions;
  using headwise::QueryEmbedder;
  if (argc != 5) return 2;
  ModelOptions options;
  if (std::string(argv[2]) == "fp32") options.weights = ModelOptions::Weights::kFloat32;
  const auto model = Model::load(argv[1], options);
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().message().c_str());
    return 1;
  }
  const int layer = headwise::usual_embedding_layer(**model);
  auto embedder = QueryEmbedder::create(*model, layer, std::atoi(argv[3]));
  if (!embedder) return 1;
  std::vector<std::string> queries;
  for (std::string line; std::getline(std::cin, line);) queries.push_back(line);
  const std::vector<float> large(size_t{1} << 24, 1.0f);
  std::vector<double> taken;
  double ignored = 0.0;
  int all = 0;
  for (int round = 0; round <= std::atoi(argv[4]); ++round) {
    for (const std::string& query : queries) {
      ignored += sweep(large);
      const long before = switches();
      const auto begun = std::chrono::steady_clock::now();
      if (!embedder->embed(query)) return 1;
      const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begun;
      if (round == 0) continue;  // packs the weights
      ++all;
      if (switches() == before) taken.push_back(time.count());
    }
  }
  if (taken.empty()) {
    std::printf("no sample of %d was left in peace (%g)\n", all, ignored);
    return 1;
  }
  std::sort(taken.begin(), taken.end());
  std::printf("{\"samples\": %zu, \"of\": %d, \"fastest_ms\": %.2f, \"median_ms\": %.2f, \"p90_ms\": %.2f}\n",
              taken.size(), all, taken.front(), taken[taken.size() / 2], taken[taken.size() * 9 / 10]);
  return 0;
}
