// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products straight from stored weights: pieces of a dozen outputs are what the threads share, all products
// of a tile at once, so that their gaps are few; tiles come one after the other. Nothing is packed, and an
// adapter's change is two thin products, (x A^T) B^T.
#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "decoder/cpu/layer_products.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

using kernels::kStoredOutputs;

class StoredProducts final : public WholeProducts {
 public:
  explicit StoredProducts(const ProductTools& tools) : WholeProducts(tools) {
    tools_.scratch.thin.resize(kLayerTensors);
  }

  void begin_layer(int layer, const LayerDemand&) override {
    layer_ = layer;
    tools_.scratch.vectors.read(tools_.weights, layer);
    const LayerSpec& spec = tools_.weights.spec.layers[static_cast<size_t>(layer)];
    for (const TensorRole& role : tensor_roles()) {
      if (role.kind != TensorKind::kMatrix || !has_tensor(spec, role.tensor)) continue;
      const ModelWeights& weights = tools_.weights;
      const LayerTensor matrix = role.tensor;
      matrices_[static_cast<size_t>(matrix)] = {
          .rows = [&weights, layer, matrix](
                      int64_t first, int64_t count,
                      float* out) { weights.stored_rows(layer, matrix, first, count, out); },
          .inputs = weights.inputs(layer, matrix),
          .change = weights.change(layer, matrix)};
    }
  }

  const LayerVectors& vectors() const override { return tools_.scratch.vectors; }

  void for_each_tile(const std::function<void(const RowTile&, WorkerScratch&)>& work) override {
    for (const RowTile& tile : tools_.plan.cut(layer_).whole_tiles) {
      work(tile, tools_.scratch.workers.front());
    }
  }

  void multiply_all(const float* x, const RowTile& tile, std::span<const Product> products,
                    WorkerScratch&) override {
    prepare(x, tile.rows, products);
    pieces_.clear();
    for (const Product& product : products) {
      const int64_t outputs = outputs_of(product);
      for (int64_t first = 0; first < outputs; first += kStoredOutputs) {
        pieces_.push_back({&product, first, std::min(kStoredOutputs, outputs - first)});
      }
    }
    tools_.pool.parallel_for(static_cast<int64_t>(pieces_.size()), [&](int64_t index, int w) {
      run(pieces_[static_cast<size_t>(index)], tools_.scratch.workers[static_cast<size_t>(w)]);
    });
  }

  void pass_expert(int64_t expert, float* x, int64_t rows, Activation activation,
                   WorkerScratch& worker) override {
    const int64_t C = tools_.weights.config.width;
    const int64_t M = tools_.weights.config.expert_width;
    float* gate = worker.gate.data();
    float* up = worker.projected.data();
    for (int64_t first = 0; first < rows; first += kernels::kRowTile) {
      const int64_t count = std::min(kernels::kRowTile, rows - first);
      float* part = x + first * C;
      multiply_expert(LayerTensor::kExpertGate, expert * M, M, {part, count}, worker, gate);
      multiply_expert(LayerTensor::kExpertUp, expert * M, M, {part, count}, worker, up);
      pass_gate(activation, gate, up, count * M);
      multiply_expert(LayerTensor::kExpertDown, expert * C, C, {gate, count}, worker, part);
    }
  }

  int64_t rows_of_a_call() const override { return INT64_MAX; }

 private:
  // out [rows, outputs]: outputs [first, first + outputs) of an experts' matrix, which no adapter changes.
  void multiply_expert(LayerTensor matrix, int64_t first, int64_t outputs, const kernels::StoredRows& rows,
                       WorkerScratch& worker, float* out) const {
    for (int64_t done = 0; done < outputs; done += kStoredOutputs) {
      kernels::multiply_stored(tools_.ops, rows, matrices_[static_cast<size_t>(matrix)], first + done,
                               std::min(kStoredOutputs, outputs - done), worker.stored, out + done, outputs);
    }
  }

  struct Piece {
    const Product* product;
    int64_t first;  // of its outputs
    int64_t outputs;
  };

  int64_t outputs_of(const Product& product) const {
    if (product.head >= 0) return tools_.weights.config.head_width;
    return tools_.weights.outputs(layer_, product.matrix);
  }

  // Once for all products of a matrix.
  void prepare(const float* x, int64_t rows, std::span<const Product> products) {
    std::array<bool, kLayerTensors> ready{};
    for (const Product& product : products) {
      const auto matrix = static_cast<size_t>(product.matrix);
      if (ready[matrix]) continue;
      ready[matrix] = true;
      rows_[matrix] =
          kernels::prepare_stored(tools_.ops, x, rows, matrices_[matrix], tools_.scratch.thin[matrix]);
    }
  }

  void run(const Piece& piece, WorkerScratch& worker) const {
    const Product& product = *piece.product;
    const auto matrix = static_cast<size_t>(product.matrix);
    const int64_t stride = outputs_of(product);
    const int64_t first = piece.first + (product.head < 0 ? 0 : product.head * stride);
    float* out = product.out + piece.first;
    kernels::multiply_stored(tools_.ops, rows_[matrix], matrices_[matrix], first, piece.outputs,
                             worker.stored, out, stride);
    add_bias(tools_.ops,
             {vectors().bias_of(product.matrix), first, piece.outputs, rows_[matrix].rows, out, stride});
  }

  int layer_ = 0;
  std::array<kernels::StoredLinear, kLayerTensors> matrices_;
  std::array<kernels::StoredRows, kLayerTensors> rows_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::unique_ptr<LayerProducts> make_stored_products(const ProductTools& tools) {
  return std::make_unique<StoredProducts>(tools);
}

}  // namespace headwise
