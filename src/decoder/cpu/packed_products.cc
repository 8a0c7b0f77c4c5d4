// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products on packed weights: row tiles are what the threads share, a tile's products run one after the other
// on the thread that has it, so that its rows stay in the cache.
#include "base/check.h"
#include "decoder/cpu/layer_products.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

class PackedProducts final : public LayerProducts {
 public:
  PackedProducts(const ProductTools& tools, PackedLayers& layers) : tools_(tools), layers_(layers) {}

  void begin_layer(int layer, const LayerDemand& demand) override {
    layer_ = &layers_.layer(layer, demand, tools_.pool, tools_.scratch.workers, tools_.scratch.packed);
    // Cut so that the layer's matrices do not write over a neighbour's rows.
    tiles_ = layer_->any_rows() ? tools_.plan.even_tiles : tools_.plan.whole_tiles;
  }

  const LayerVectors& vectors() const override { return layer_->vectors; }

  void for_each_tile(const std::function<void(const RowTile&, WorkerScratch&)>& work) override {
    tools_.pool.parallel_for(static_cast<int64_t>(tiles_.size()), [&](int64_t i, int w) {
      work(tiles_[static_cast<size_t>(i)], tools_.scratch.workers[static_cast<size_t>(w)]);
    });
  }

  void multiply(const float* x, const RowTile& tile, std::span<const Product> products,
                WorkerScratch& worker) override {
    const kernels::PreparedRows rows = worker.linear.prepare(x, tile.rows, kernels::LinearType::kFloat32);
    for (const Product& product : products) {
      const kernels::PackedLinear& matrix = matrix_of(product);
      worker.linear.multiply(rows, matrix, product.out);
      const int64_t outputs = matrix.outputs();
      const int64_t first = product.head < 0 ? 0 : product.head * outputs;
      add_bias(tools_.ops,
               {vectors().of(bias_of(product.matrix)), first, outputs, tile.rows, product.out, outputs});
    }
  }

 private:
  const kernels::PackedLinear& matrix_of(const Product& product) const {
    const auto head = static_cast<size_t>(product.head);
    switch (product.matrix) {
      case LayerTensor::kQuery:
        return layer_->query[head];
      case LayerTensor::kKey:
        return layer_->key[head];
      case LayerTensor::kValue:
        return layer_->value[head];
      case LayerTensor::kOutput:
        return layer_->output;
      case LayerTensor::kGate:
        return layer_->gate;
      case LayerTensor::kUp:
        return layer_->up;
      default:
        HW_CHECK(product.matrix == LayerTensor::kDown);
        return layer_->down;
    }
  }

  ProductTools tools_;
  PackedLayers& layers_;
  const PackedLayer* layer_ = nullptr;
  std::span<const RowTile> tiles_;
};

}  // namespace

std::unique_ptr<LayerProducts> make_packed_products(const ProductTools& tools, PackedLayers& layers) {
  return std::make_unique<PackedProducts>(tools, layers);
}

}  // namespace headwise
