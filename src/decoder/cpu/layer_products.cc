// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/layer_products.h"

namespace headwise {

void WholeProducts::multiply(const float* x, const RowTile& tile, std::span<const Product> products,
                             WorkerScratch& worker, const FinishRows& finish) {
  multiply_all(x, tile, products, worker);
  for (const Product& product : products) finish(product, 0, tile.rows);
}

void WholeProducts::add_product(const float* x, const RowTile& tile, LayerTensor matrix, float* hidden,
                                WorkerScratch& worker) {
  const Product product{matrix, -1, worker.projected.data()};
  multiply_all(x, tile, {&product, 1}, worker);
  tools_.ops.add(hidden, product.out, tile.rows * tools_.weights.config.width);
}

void WholeProducts::multiply_whole(const float* x, const RowTile& tile, LayerTensor matrix, float* out,
                                   WorkerScratch& worker) {
  const Product product{matrix, -1, out};
  multiply_all(x, tile, {&product, 1}, worker);
}

void WholeProducts::multiply_gated(const float* x, const RowTile& tile, Activation activation, float* out,
                                   WorkerScratch& worker) {
  const Product products[] = {{LayerTensor::kGate, -1, out}, {LayerTensor::kUp, -1, worker.projected.data()}};
  multiply_all(x, tile, products, worker);
  pass_gate(activation, out, products[1].out, tile.rows * tools_.weights.config.ffn_width);
}

}  // namespace headwise
