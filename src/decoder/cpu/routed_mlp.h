// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the MLP of a layer with experts (LayerSpec::experts): which of them each row uses, their
// products over the rows of each together, and their sum. A row's experts add up in the order of their
// numbers, so its result does not depend on the rows beside it or on threads.
//
// The router's logits and shares are fp32 in every precision. Of equal logits the first expert wins; two that
// are equal but for rounding may change places between ways of working that round differently (instruction
// sets, precisions, packed and stored weights), and a row's result then changes by a step.
// Source: Fedus et al. 2021, arXiv 2101.03961; shares as transformers' Qwen3-MoE has them.
#pragma once

#include <cstdint>

#include "decoder/cpu/layer_products.h"
#include "decoder/cpu/pass_plan.h"
#include "decoder/cpu/pass_scratch.h"
#include "model/layer_spec.h"

namespace headwise {

class RoutedMlp {
 public:
  RoutedMlp(const ProductTools& tools, LayerProducts& products) : tools_(tools), products_(products) {}

  void begin(const LayerSpec& spec);
  // Room for what enters of a tile's rows, [rows, C].
  float* input_of(const RowTile& tile) const;
  // Inside for_each_tile: the experts of a tile's rows, and their shares. x [rows, C] is input_of's memory,
  // or lives until run() is done and does not change.
  void choose(const float* x, const RowTile& tile, WorkerScratch& worker);
  // Once every tile has chosen.
  void run();
  // out [rows, C]: what leaves.
  void sum(const RowTile& tile, float* out) const;

 private:
  void choose_row(const float* logits, int64_t row);
  void take_seats();

  ProductTools tools_;
  LayerProducts& products_;
  const LayerSpec* spec_ = nullptr;
};

}  // namespace headwise
