// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the composition of a layer, the only one of this backend: norm, q, k and v, attention,
// output projection, MLP, residuals, as ModelSpec says; and the read-out of its heads. How matrices are
// multiplied is LayerProducts'.
#pragma once

#include <cstdint>
#include <vector>

#include "base/threads.h"
#include "decoder/cpu/layer_products.h"
#include "decoder/cpu/pass_plan.h"
#include "decoder/cpu/pass_scratch.h"
#include "decoder/cpu/routed_mlp.h"
#include "kernels/kernels.h"
#include "model/rotary.h"
#include "model/weights.h"

namespace headwise {

class LayerPass {
 public:
  // `rotary` by place in ModelSpec::rotary, with room for every position of the plan.
  LayerPass(const ProductTools& tools, LayerProducts& products, const std::vector<RotaryTable>& rotary)
      : tools_(tools),
        config_(tools.weights.config),
        products_(products),
        rotary_(rotary),
        experts_(tools, products) {}

  // Embeddings of the rows that the first layer runs.
  void embed();
  void run(int layer, const LayerDemand& demand);
  // Sums of attention of the layer that ran last; lives until the next call.
  LayerAttention read(int layer);

 private:
  const std::vector<float>& vector(LayerTensor tensor) const { return products_.vectors().of(tensor); }
  // Norm, then q, k, v of a row tile; without values and only the demanded heads where demand.whole is false.
  void project_tile(const LayerDemand& demand, const RowTile& tile, WorkerScratch& worker);
  void list_products(const LayerDemand& demand, const RowTile& tile, WorkerScratch& worker,
                     std::vector<Product>& products);
  void attend();
  void attend_task(const AttendTask& task, WorkerScratch& worker);
  template <typename Visit>
  void for_each_query_row(int64_t kv_head, const AttendPart& part, const Visit& visit) const;
  // Output projection and residual of a row tile, and what its MLP reads, to `normed` where it is normed.
  const float* finish_attention(const RowTile& tile, WorkerScratch& worker, float* normed);
  // That, MLP and residual.
  void finish_tile(const RowTile& tile, WorkerScratch& worker);
  void norm_rows(LayerTensor norm, const RowTile& tile, float* out);
  // What a tile's rows give to the residual stream: x through `matrix`, the norm after it where the layer has
  // one, the layer's multiplier.
  void add_to_hidden(const float* x, LayerTensor matrix, LayerTensor norm, const RowTile& tile,
                     WorkerScratch& worker);
  // The same of what is already computed: out [rows, C], which is changed.
  void add_rows(float* out, LayerTensor norm, const RowTile& tile);
  // A head's q or k: norm where the model has one, rotation, scale.
  void rotate_rows(LayerTensor norm, int64_t begin, int64_t rows, float* x, float scale);
  void rotate_row(int64_t row, float* x, float scale);
  // The same where all heads of a row have one norm: products by head, each [rows, D], of one matrix.
  void finish_wide(LayerTensor norm, const RowTile& tile, WorkerScratch& worker);
  // Rows of the pass from `begin` on: a head's x [rows, D] of a product to where attention reads it.
  void finish_head(const Product& product, int64_t begin, int64_t rows, float* x);
  float* queries_of(int64_t head) {
    return tools_.scratch.query_HTD.data() + head * tools_.scratch.rows * config_.head_width;
  }
  kernels::LogitRules logit_rules() const { return {static_cast<float>(spec_->soft_cap), spec_->window}; }
  int64_t heads_of_kv_head() const { return config_.heads / config_.kv_heads; }
  int64_t kv_head_of(int64_t head) const { return head / heads_of_kv_head(); }

  ProductTools tools_;
  const ModelConfig& config_;
  LayerProducts& products_;
  const std::vector<RotaryTable>& rotary_;
  RoutedMlp experts_;
  int layer_ = 0;                    // in hand
  const LayerSpec* spec_ = nullptr;  // its
};

}  // namespace headwise
