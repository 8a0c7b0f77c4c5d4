// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// One fixture of tests/golden/README.md: token ids and spans in, expected scores and hidden states out. The
// prompt is rebuilt from the ids alone, so that no tokenizer takes part.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "decoder/decoder.h"
#include "golden/npy.h"
#include "model/weights.h"
#include "rerank/prompt_builder.h"

namespace headwise::golden {

struct Fixture {
  std::filesystem::path folder;
  std::string stem;  // "list", "blocks", "blocks_span"
  nlohmann::json json;

  static Fixture open(const std::filesystem::path& folder, const std::string& stem);
  Array array(const std::string& suffix) const { return read_npy(folder / (stem + "." + suffix + ".npy")); }
  BuiltPrompt prompt(QueryRows rows) const;
};

// The weights of a folder or .gguf file, no tokenizer needed.
std::shared_ptr<const ModelWeights> open_weights(const std::filesystem::path& path,
                                                 ModelOptions options = {});
// The same, with layers that compute something else than they should.
std::shared_ptr<const ModelWeights> open_changed(const std::filesystem::path& path,
                                                 const std::function<void(ModelSpec&)>& change);

// [3, L, H, N] as HeadScores has it, from one pass over all heads.
struct PassResult {
  std::vector<float> values;               // channel 2 with the token filter
  std::vector<float> unfiltered;           // channel 2 without
  std::vector<std::vector<float>> hidden;  // by layer, [T, C]; only when asked for
};
struct PassOptions {
  std::vector<HeadId> heads;  // empty: all
  int threads = 1;
  bool full_depth = false;
  bool hidden = false;
};
PassResult run_pass(const std::shared_ptr<const ModelWeights>& weights, const BuiltPrompt& prompt,
                    const PassOptions& options);
PassResult run_pass(Decoder& decoder, const ModelConfig& config, const BuiltPrompt& prompt,
                    const PassOptions& options);
std::vector<HeadId> all_heads(const ModelConfig& config);

}  // namespace headwise::golden
