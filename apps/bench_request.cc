// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "bench_request.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <sstream>

#include "model/families.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

// Written for this file. Passages take them in different orders, so that no two are alike and none is longer
// than a real one would be in tokens.
constexpr std::array<const char*, 24> kSentences{
    "The lighthouse on the northern cape was lit for the first time in the autumn of 1862.",
    "Its keeper rowed to the village twice a month for oil, flour and letters.",
    "Rainwater that falls on limestone dissolves it slowly and leaves caves behind.",
    "A stalactite grows about ten centimetres in a thousand years, though some grow faster.",
    "Bees tell each other where flowers are by the angle and the length of a dance.",
    "The dance was described by a zoologist who painted numbers on the backs of single bees.",
    "Copper turns green in the open air because a thin layer of carbonate forms on it.",
    "That layer protects the metal below, and old roofs last for centuries under it.",
    "Potatoes came to Europe by ship and were grown for their blossoms before they were eaten.",
    "In the mountains they were dried by frost and sun and kept for several years.",
    "A tide follows the Moon, but the shape of the coast decides how high it rises.",
    "In a narrow bay the water can climb by more than twelve metres in six hours.",
    "The first printed maps of the city showed every house and every garden gate.",
    "Surveyors measured them with chains, and the errors add up to less than a street's width.",
    "Glass is made of sand, soda and lime, melted together at about 1500 degrees.",
    "Blown glass cools within a minute, so the shape has to be right before that.",
    "Swallows leave in September and cross the desert in less than four weeks.",
    "They come back to the same barn in spring, and often to the same nest.",
    "An eclipse of the Sun can last for seven minutes at most at any one place.",
    "Its shadow moves over the ground faster than a jet can fly.",
    "Bread rises because yeast turns sugar into gas that the dough holds back.",
    "Salt slows the yeast down and makes the dough tighter and easier to shape.",
    "The bridge was closed to carts in 1931 after one of its arches had sunk by a hand's width.",
    "Divers found that the river had washed out the gravel below the second pier."};

}  // namespace

BenchRequest built_in_request(int passages, int words) {
  BenchRequest request;
  request.query = "why does copper on old roofs turn green";
  uint64_t state = 20240229;  // Knuth's MMIX generator: the same text everywhere
  for (int i = 0; i < passages; ++i) {
    Passage passage{.id = "p" + std::to_string(i + 1), .title = {}, .text = {}, .first_stage_score = {}};
    for (int count = 0; count < words;) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      std::istringstream sentence(kSentences[(state >> 33) % kSentences.size()]);
      for (std::string word; count < words && sentence >> word; ++count) {
        passage.text += (passage.text.empty() ? "" : " ") + word;
      }
    }
    request.passages.push_back(std::move(passage));
  }
  return request;
}

RankingWork work_of(const ModelConfig& config, const RerankerOptions& options,
                    const RankingStatistics& statistics, int passages) {
  const auto tokens = static_cast<double>(statistics.prompt_tokens);
  const auto in_passages = static_cast<double>(statistics.passage_tokens);
  const ModelSpec spec = family_of(config).spec(config);
  // docs/method.md#depth: of the deepest layer read only the keys (and a few query rows) are computed.
  const int whole_layers = std::max(0, statistics.layers_run - (options.full_depth ? 0 : 1));
  double weights = options.full_depth ? 0.0 : static_cast<double>(values_in(LayerTensor::kKey, config));
  for (int layer = 0; layer < whole_layers; ++layer) {
    weights += static_cast<double>(met_values(spec.layers[static_cast<size_t>(layer)], config));
  }
  RankingWork work;
  const auto run = static_cast<double>(statistics.tokens_run);
  work.linear = 2 * run * weights;
  double pairs = tokens * tokens / 2;
  if (options.encoding == Encoding::kBlocks && passages > 0) {
    // What was kept is seen, and sees nothing itself.
    const double fresh = 1.0 - static_cast<double>(statistics.passages_kept) / passages;
    const double rest = std::min(run, tokens - in_passages);
    pairs = fresh * in_passages * in_passages / passages / 2 + rest * in_passages;
  }
  work.attention = 4 * static_cast<double>(values_in("HD", config)) * pairs * whole_layers;
  return work;
}

}  // namespace headwise
