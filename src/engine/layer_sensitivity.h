// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: how much each layer of kept passages matters for one query: the scores with one layer
// pruned and the others whole, against the unpruned scores (docs/method.md#kept-passages). The query's
// passages are encoded once. Source: DepthKV (2604.24647), reconstructed.
//
// Thread rule: one call at a time.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "headwise/engine.h"
#include "headwise/error.h"
#include "headwise/keep.h"
#include "headwise/progress.h"

namespace headwise {

class FormReader;

struct SensitivityChoice {
  std::vector<double> kept{0.5, 0.25, 0.1};  // shares that the pruned layer keeps
  BudgetTokens tokens = BudgetTokens::kEvery;
};

class LayerSensitivity {
 public:
  // kUsage where the engine reads no blocks, and for shares out of range.
  static Result<LayerSensitivity> open(const Engine& engine, SensitivityChoice choice);
  LayerSensitivity(LayerSensitivity&&) noexcept;
  ~LayerSensitivity();

  const SensitivityChoice& choice() const { return choice_; }
  int layers() const;
  // 1 less Kendall's tau, by share, by layer.
  Result<std::vector<std::vector<double>>> losses(std::string_view query, std::span<const Passage> passages,
                                                  ProgressSink* progress);

 private:
  LayerSensitivity(SensitivityChoice choice, std::unique_ptr<FormReader> reader);

  SensitivityChoice choice_;
  std::unique_ptr<FormReader> reader_;
};

}  // namespace headwise
