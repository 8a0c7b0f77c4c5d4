// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the engine behind `serve`: one model, and an engine for each of the settings that were
// asked for lately.
#pragma once

#include <list>
#include <memory>

#include "headwise/engine.h"
#include "serve/engine.h"

namespace headwise::serve {

class ModelEngine : public RankingEngine {
 public:
  // Loads the model and sets up the engine that the server's own settings ask for.
  static Result<std::unique_ptr<ModelEngine>> create(const EngineSettings& settings);

  const ModelCard& card() const override { return card_; }
  Result<RerankAnswer> answer(const RerankRequest& request, ProgressSink& progress) override;

 private:
  struct Ready {
    RequestSettings asked;
    Engine engine;
  };

  ModelEngine(EngineSettings settings, Engine first);
  Result<Engine*> engine_for(RequestSettings asked);
  // The server's own, or the one without an adapter, which is loaded when it is first asked for.
  Result<std::shared_ptr<const Model>> model_for(const EngineSettings& settings);

  const EngineSettings settings_;  // the server's own, as they were asked for
  const std::shared_ptr<const Model> model_;
  std::shared_ptr<const Model> base_model_;
  std::list<Ready> ready_;  // the one used last comes first; the one of settings_ is never let go
  ModelCard card_;
};

}  // namespace headwise::serve
