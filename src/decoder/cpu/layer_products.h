// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the linear maps of one layer, in the ways that a request may choose (LinearChoice), and
// what is done with each value as soon as it is there. How they are computed, and whether row tiles or
// outputs are what the threads share, is decided here. Thread rule: as the pass.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/threads.h"
#include "decoder/cpu/packing.h"
#include "decoder/cpu/pass_plan.h"
#include "decoder/cpu/pass_scratch.h"
#include "kernels/kernels.h"
#include "model/layer_spec.h"
#include "model/weights.h"

namespace headwise {

// Rows [first, first + rows) of a tile's product.
using FinishRows = std::function<void(const Product& product, int64_t first, int64_t rows)>;

class LayerProducts {
 public:
  virtual ~LayerProducts() = default;
  virtual void begin_layer(int layer, const LayerDemand& demand) = 0;
  virtual const LayerVectors& vectors() const = 0;
  // Every row tile once.
  virtual void for_each_tile(const std::function<void(const RowTile&, WorkerScratch&)>& work) = 0;
  // Parts of a tile's rows, each once, by several threads where they share a tile; inside for_each_tile.
  virtual void for_row_parts(int64_t rows, const std::function<void(int64_t first, int64_t rows)>& work) {
    work(0, rows);
  }
  // What follows are maps of the tile's rows x [rows, inputs], contiguous; inside for_each_tile.
  // Products; each row of each goes through `finish` on the thread that made it.
  virtual void multiply(const float* x, const RowTile& tile, std::span<const Product> products,
                        WorkerScratch& worker, const FinishRows& finish) = 0;
  // hidden [rows, C] += x W^T + bias.
  virtual void add_product(const float* x, const RowTile& tile, LayerTensor matrix, float* hidden,
                           WorkerScratch& worker) = 0;
  // out [rows, outputs] = x W^T + bias: what the model's width comes out of, or the router.
  virtual void multiply_whole(const float* x, const RowTile& tile, LayerTensor matrix, float* out,
                              WorkerScratch& worker) = 0;
  // out [rows, F] = activation(x Wg^T + bias) * (x Wu^T + bias).
  virtual void multiply_gated(const float* x, const RowTile& tile, Activation activation, float* out,
                              WorkerScratch& worker) = 0;
  // What follows is of experts, on the caller's thread, whose `worker` is.
  // x [rows, C] = (activation(x Wg^T) * (x Wu^T)) Wd^T, any number of rows.
  virtual void pass_expert(int64_t expert, float* x, int64_t rows, Activation activation,
                           WorkerScratch& worker) = 0;
  // How many rows of an expert are worth a call: all where each call reads its weights anew.
  virtual int64_t rows_of_a_call() const = 0;
};

// What the products work with; all of it outlives them.
struct ProductTools {
  const ModelWeights& weights;
  const kernels::KernelTable& ops;
  ThreadPool& pool;
  const PassPlan& plan;
  PassScratch& scratch;
};

// Maps made of products that are done whole before anything else.
class WholeProducts : public LayerProducts {
 public:
  explicit WholeProducts(const ProductTools& tools) : tools_(tools) {}

  void multiply(const float* x, const RowTile& tile, std::span<const Product> products, WorkerScratch& worker,
                const FinishRows& finish) override;
  void add_product(const float* x, const RowTile& tile, LayerTensor matrix, float* hidden,
                   WorkerScratch& worker) override;
  void multiply_whole(const float* x, const RowTile& tile, LayerTensor matrix, float* out,
                      WorkerScratch& worker) override;
  void multiply_gated(const float* x, const RowTile& tile, Activation activation, float* out,
                      WorkerScratch& worker) override;

 protected:
  virtual void multiply_all(const float* x, const RowTile& tile, std::span<const Product> products,
                            WorkerScratch& worker) = 0;
  // gate [count] = activation(gate) * up.
  void pass_gate(Activation activation, float* gate, const float* up, int64_t count) const {
    (activation == Activation::kSilu ? tools_.ops.silu_multiply : tools_.ops.gelu_multiply)(gate, up, count);
  }

  ProductTools tools_;
};

struct AddBiasArgs {
  const std::vector<float>& bias;  // empty: the model has none, nothing is added
  int64_t first = 0;               // of its outputs
  int64_t outputs = 0;
  int64_t rows = 0;
  float* out = nullptr;  // [rows, stride]
  int64_t stride = 0;
};
inline void add_bias(const kernels::KernelTable& ops, const AddBiasArgs& args) {
  if (args.bias.empty()) return;
  for (int64_t row = 0; row < args.rows; ++row) {
    ops.add(args.out + row * args.stride, args.bias.data() + args.first, args.outputs);
  }
}

std::unique_ptr<LayerProducts> make_packed_products(const ProductTools& tools, PackedLayers& layers);
std::unique_ptr<LayerProducts> make_stored_products(const ProductTools& tools);

}  // namespace headwise
