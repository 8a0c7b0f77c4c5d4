// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "route/query_embedding.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "base/check.h"
#include "decoder/create.h"
#include "decoder/prompt_layout.h"

namespace headwise {
namespace {

// Up to so many tokens packing the weights would take longer than the products.
constexpr int64_t kFewTokens = 64;

}  // namespace

int usual_embedding_layer(const Model& model) {
  constexpr double kDepth = 0.2;
  const auto layers = static_cast<double>(model.config().layers);
  return std::max(static_cast<int>(std::lround(kDepth * layers)), 1) - 1;
}

Result<QueryEmbedder> QueryEmbedder::create(std::shared_ptr<const Model> model, int layer, int threads) {
  if (layer < 0 || layer >= static_cast<int>(model->config().layers)) {
    return fail(ErrorCode::kUsage, "the query embedding's layer " + std::to_string(layer) +
                                       " is not in this model of " + std::to_string(model->config().layers) +
                                       " layers");
  }
  auto decoder = create_decoder(model, {.threads = threads});
  HW_RETURN_IF_ERROR(decoder);
  QueryEmbedder embedder(std::move(model), layer, std::move(*decoder));
  HW_RETURN_IF_ERROR(embedder.run_lead());
  return embedder;
}

Status QueryEmbedder::run_lead() {
  const auto words = model_->tokenizer().encode("Query:");
  HW_RETURN_IF_ERROR(words);
  std::vector<int32_t> ids;
  if (const auto bos = model_->tokenizer().bos_id()) ids.push_back(*bos);
  ids.insert(ids.end(), words->begin(), words->end());
  PromptLayout layout;
  const int lead = layout.add_segment(ids, 0, {});
  DecodeRequest request;
  request.prompt = &layout;
  request.hidden_until = layer_;
  request.linear = LinearChoice::kStored;
  request.on_hidden = [](int, const float*) {};
  request.keep = std::span(&lead, 1);
  auto done = decoder_->run(request);
  HW_RETURN_IF_ERROR(done);
  lead_ = {lead, std::move(done->kept.front())};
  lead_ids_ = std::move(ids);
  return {};
}

Result<std::vector<float>> QueryEmbedder::embed(std::string_view query) {
  if (query.empty()) return fail(ErrorCode::kInvalidInput, "the query is empty");
  const auto ids = model_->tokenizer().encode(" " + std::string(query));
  HW_RETURN_IF_ERROR(ids);
  const auto tokens = static_cast<int64_t>(ids->size());
  const auto lead = static_cast<int64_t>(lead_ids_.size());
  if (lead + tokens > model_->config().context) {
    return fail(ErrorCode::kResourceLimit, "the query has " + std::to_string(lead + tokens) +
                                               " tokens, more than the model's context of " +
                                               std::to_string(model_->config().context));
  }
  PromptLayout layout;
  layout.add_segment(*ids, lead, {layout.add_segment(lead_ids_, 0, {})});
  const auto width = static_cast<size_t>(model_->config().width);
  std::vector<double> sums(width, 0.0);
  DecodeRequest request;
  request.prompt = &layout;
  request.hidden_until = layer_;
  request.linear = tokens <= kFewTokens ? LinearChoice::kStored : LinearChoice::kPacked;
  request.given = std::span(&lead_, 1);
  request.on_hidden = [&](int layer, const float* hidden) {
    if (layer != layer_) return;
    for (size_t token = 0; token < ids->size(); ++token) {
      for (size_t c = 0; c < width; ++c) sums[c] += hidden[token * width + c];
    }
  };
  const auto done = decoder_->run(request);
  HW_RETURN_IF_ERROR(done);
  std::vector<float> embedding(width);
  for (size_t c = 0; c < width; ++c) {
    embedding[c] = static_cast<float>(sums[c] / static_cast<double>(tokens));
    if (!std::isfinite(embedding[c])) {
      return fail(ErrorCode::kInvalidInput,
                  "the model gives hidden states that are not numbers; its weights are damaged");
    }
  }
  return embedding;
}

}  // namespace headwise
