// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: a query as one vector: the mean over the query's tokens of the hidden state after one
// layer of the frozen model reading "Query: <text>" alone (docs/method.md#routing). It needs no passage.
//
// Thread rule: as Decoder: one caller at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "decoder/decoder.h"
#include "headwise/error.h"
#include "headwise/model.h"

namespace headwise {

// At a fifth of the depth: topics are told apart there as well as deeper
// (bench/probes/routing_depth.py), for a third of the time that 60 % take.
int usual_embedding_layer(const Model& model);

class QueryEmbedder {
 public:
  static Result<QueryEmbedder> create(std::shared_ptr<const Model> model, int layer, int threads);

  // C values. kInvalidInput for an empty query or one that is not UTF-8; kResourceLimit when it does not fit
  // the context.
  Result<std::vector<float>> embed(std::string_view query);

 private:
  QueryEmbedder(std::shared_ptr<const Model> model, int layer, std::unique_ptr<Decoder> decoder)
      : model_(std::move(model)), layer_(layer), decoder_(std::move(decoder)) {}
  // Runs "Query:" through the layers once: it is the same for every query.
  Status run_lead();

  std::shared_ptr<const Model> model_;
  int layer_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<int32_t> lead_ids_;
  GivenSegment lead_;
};

}  // namespace headwise
