// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the engine behind `serve`: one model, and an engine for each of the settings that were
// asked for lately.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/engine.h"
#include "search/index.h"
#include "serve/ranking_engine.h"

namespace headwise::serve {

class ModelEngine : public RankingEngine {
 public:
  // Loads the model and sets up the engine that the server's own settings ask for; `corpus` may be empty.
  static Result<std::unique_ptr<ModelEngine>> create(const EngineSettings& settings,
                                                     std::optional<SearchIndex> corpus);

  const ModelCard& card() const override { return card_; }
  Result<std::vector<Passage>> find(std::string_view query, int depth) override;
  KeepStatistics kept() const override;
  Result<RerankAnswer> answer(const RerankRequest& request, ProgressSink& progress) override;

 private:
  struct Ready {
    RequestSettings asked;
    Engine engine;
  };

  ModelEngine(EngineSettings settings, Engine first, std::optional<SearchIndex> corpus);
  Result<Engine*> engine_for(RequestSettings asked);
  // What a client asks for may not go with what the server keeps: its store holds another adapter's or
  // wording's passages, or passages see each other. Then the request is answered without.
  Result<Engine> make(EngineSettings settings);
  // With the adapter that the settings mean: the server's own, or another that is loaded when first asked
  // for.
  Result<std::shared_ptr<const Model>> model_for(const EngineSettings& settings);

  const EngineSettings settings_;  // the server's own, as they were asked for
  const std::shared_ptr<const Model> model_;
  std::map<std::string, std::shared_ptr<const Model>> models_;  // by resolve_adapter()
  mutable std::mutex listing_;                                  // of ready_, for kept()
  std::list<Ready> ready_;  // the one used last comes first; the one of settings_ is never let go
  std::mutex searching_;    // one search at a time
  std::optional<SearchIndex> corpus_;
  ModelCard card_;
};

}  // namespace headwise::serve
