// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what the service needs of an engine. The real one is in model_engine.h; tests have
// others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"
#include "headwise/keep.h"
#include "headwise/progress.h"
#include "serve/rerank_request.h"

namespace headwise::serve {

// For /v1/models and the page.
struct ModelCard {
  std::string id;
  std::string fingerprint;
  std::string backend;          // "cpu", "cuda"
  std::string precision;        // of its linear layers: "fp32"
  std::string instruction_set;  // "avx512"
  int64_t context = 0;
  int layers = 0;
  int heads_per_layer = 0;
  // What is read where a request asks for nothing else.
  std::string heads;  // "the shipped 32 heads of layers 2-29"
  std::string encoding, calibration;
  bool has_relevance = false;          // there is a fit of it for what is read
  std::vector<std::string> head_sets;  // names that "heads" of a request may take
  std::vector<std::string> adapters;   // and "adapter": the server's own first, none where it has none
  int64_t corpus_documents = 0;        // that find() searches; 0: there is no corpus
};

class RankingEngine {
 public:
  virtual ~RankingEngine() = default;
  virtual const ModelCard& card() const = 0;
  // The first stage: the best `depth` of the corpus, none where no word of the query is in it. From any
  // thread.
  virtual Result<std::vector<Passage>> find(std::string_view query, int depth) = 0;
  // Of passages kept between requests, all models together; zeros where none are. From any thread.
  virtual KeepStatistics kept() const { return {}; }
  // Every query of the request, in order. Called by one thread at a time. kCancelled when `progress` asks to
  // stop.
  virtual Result<RerankAnswer> answer(const RerankRequest& request, ProgressSink& progress) = 0;
};

}  // namespace headwise::serve
