// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "golden/bits/outcome.h"

#include <stdexcept>

#include "golden/bits/query_vector.h"

namespace headwise::golden {
namespace {

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return std::move(*result);
}

Outcome ranked(Engine& engine, const BitsRequest& request) {
  const Ranking ranking = value_or_throw(engine.rank(request.query, request.passages, nullptr));
  Outcome outcome;
  outcome.tokens = ranking.statistics.prompt_tokens;
  std::vector<double>& scores = outcome.numbers["scores"];
  scores.resize(request.passages.size());
  for (const ScoredPassage& passage : ranking.passages) {
    scores[static_cast<size_t>(passage.index)] = passage.score;
  }
  const HeadScores heads = value_or_throw(engine.reranker.head_scores(request.query, request.passages));
  outcome.numbers["head_scores"].assign(heads.values.begin(), heads.values.end());
  return outcome;
}

Outcome explained(Engine& engine, const BitsRequest& request) {
  const Explanation explanation = value_or_throw(
      engine.explain(request.query, request.passages, ExplainOptions{.per_head = true}, nullptr));
  Outcome outcome;
  outcome.tokens = explanation.statistics.prompt_tokens;
  std::vector<double>& scores = outcome.numbers["scores"];
  scores.resize(request.passages.size());
  for (const ExplainedPassage& passage : explanation.passages) {
    scores[static_cast<size_t>(passage.index)] = passage.score;
    std::vector<double>& shares = outcome.numbers["head_shares"];
    shares.insert(shares.end(), passage.head_shares.begin(), passage.head_shares.end());
    for (const ExplainedToken& token : passage.tokens) {
      outcome.numbers["token_weights"].push_back(token.weight);
      outcome.numbers["token_attention"].push_back(token.attention);
    }
  }
  return outcome;
}

}  // namespace

std::shared_ptr<const Model> Answerer::model_of(const EngineSettings& settings) {
  std::shared_ptr<const Model>& model =
      models_[settings.model + " " + settings.adapter + " " + option_text(settings, "weights")];
  if (model == nullptr) model = value_or_throw(load_model(settings));
  return model;
}

Outcome Answerer::answer(const BitsRequest& request, const std::string& weights, int threads) {
  EngineSettings settings = request.settings;
  if (Status set = set_option(settings, "weights", weights); !set) {
    throw std::runtime_error(set.error().to_string());
  }
  settings.threads = threads;
  if (request.kind == RequestKind::kEmbed) {
    const std::vector<float> vector =
        value_or_throw(query_vector(model_of(settings), request.layer, threads, request.query));
    Outcome outcome;
    outcome.numbers["embedding"].assign(vector.begin(), vector.end());
    return outcome;
  }
  Engine engine = value_or_throw(
      make_engine(settings, [&]() -> Result<std::shared_ptr<const Model>> { return model_of(settings); }));
  return request.kind == RequestKind::kRank ? ranked(engine, request) : explained(engine, request);
}

}  // namespace headwise::golden
