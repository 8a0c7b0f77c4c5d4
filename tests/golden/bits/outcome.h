// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What the engine answers to a request of the table, as lists of numbers.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "golden/bits/request.h"

namespace headwise::golden {

struct Outcome {
  int64_t tokens = 0;  // of the prompt; 0: of a query that is embedded
  // "scores" by the request's passages, "head_scores" of every channel, head and passage, "token_weights",
  // "token_attention", "head_shares", "embedding". fp32 values stand here without loss.
  std::map<std::string, std::vector<double>> numbers;
};

// Keeps the models it has loaded: by model, adapter and weights, so requests of the table that leave the
// adapter open must mean the same one.
class Answerer {
 public:
  // Throws std::runtime_error with the engine's message.
  Outcome answer(const BitsRequest& request, const std::string& weights, int threads);

 private:
  std::shared_ptr<const Model> model_of(const EngineSettings& settings);
  std::map<std::string, std::shared_ptr<const Model>> models_;
};

}  // namespace headwise::golden
