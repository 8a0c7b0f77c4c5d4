// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "engine/layer_sensitivity.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "base/rank_correlation.h"
#include "rerank/form_reader.h"

namespace headwise {

Result<LayerSensitivity> LayerSensitivity::open(const Engine& engine, SensitivityChoice choice) {
  for (const double share : choice.kept) {
    if (!(share >= kLeastShare && share <= 1.0)) {
      return fail(ErrorCode::kUsage,
                  "a share that is kept is from 1/32 to 1, found " + std::to_string(share));
    }
  }
  const bool received = choice.tokens == BudgetTokens::kReceived;
  auto reader = FormReader::create(engine.model, engine.reranker.options(), received);
  HW_RETURN_IF_ERROR(reader);
  return LayerSensitivity(std::move(choice), std::make_unique<FormReader>(std::move(*reader)));
}

LayerSensitivity::LayerSensitivity(SensitivityChoice choice, std::unique_ptr<FormReader> reader)
    : choice_(std::move(choice)), reader_(std::move(reader)) {}
LayerSensitivity::LayerSensitivity(LayerSensitivity&&) noexcept = default;
LayerSensitivity::~LayerSensitivity() = default;

int LayerSensitivity::layers() const { return reader_->layers(); }

Result<std::vector<std::vector<double>>> LayerSensitivity::losses(std::string_view query,
                                                                  std::span<const Passage> passages,
                                                                  ProgressSink* progress) {
  HW_RETURN_IF_ERROR(reader_->encode(query, passages, progress));
  const auto whole = reader_->scores({}, progress);
  HW_RETURN_IF_ERROR(whole);
  const auto layers = static_cast<size_t>(reader_->layers());
  std::vector<std::vector<double>> losses(choice_.kept.size());
  for (size_t i = 0; i < losses.size(); ++i) {
    for (size_t layer = 0; layer < layers; ++layer) {
      KeptForm form{.shares = std::vector<float>(layers, 1.0f), .tokens = choice_.tokens};
      form.shares[layer] = static_cast<float>(choice_.kept[i]);
      const auto pruned = reader_->scores(form, progress);
      HW_RETURN_IF_ERROR(pruned);
      losses[i].push_back(1.0 - kendall_tau(*whole, *pruned));
    }
  }
  return losses;
}

}  // namespace headwise
