// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: prompts of made-up ids for the GPU's bench, passes over them, and how two of them
// differ.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "decoder/decoder.h"
#include "headwise/head_selection.h"
#include "headwise/model_config.h"

namespace headwise::gpu_bench {

struct RequestShape {
  bool blocks = true;             // else one causal prompt
  std::vector<int64_t> passages;  // tokens of each
  int64_t lead = 20;
  int64_t query = 50;
  int64_t ids = 300;  // below this
};

struct Request {
  PromptLayout layout;
  std::vector<TokenSpan> spans;  // of the passages
  std::vector<int> kept;         // segments before the query's; of `blocks`
  std::vector<RowGroup> rows;
};
Request make_request(const RequestShape& shape);

// What every head pays to every passage.
struct PassOutcome {
  std::vector<double> scores;                            // [heads, passages]
  std::vector<std::shared_ptr<const KeptSegment>> kept;  // of Request::kept
};
struct PassWish {
  std::span<const HeadId> heads;
  bool full_depth = false;
  bool keep = false;
  std::span<const GivenSegment> given{};
};
// Throws std::runtime_error with the decoder's words.
PassOutcome run_pass(Decoder& decoder, const Request& request, const PassWish& wish);

std::vector<HeadId> all_heads(const ModelConfig& config);
std::vector<GivenSegment> given_of(const Request& request, const PassOutcome& kept);

// Relative differences: the root of their mean square, and the largest; infinite where one is no number.
struct Difference {
  double mean = 0.0;
  double worst = 0.0;
};
Difference difference(const std::vector<double>& ours, const std::vector<double>& theirs);

}  // namespace headwise::gpu_bench
