// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Products on packed weights. Of many rows, row tiles are what the threads share: a tile's products run one
// after the other on the thread that has it, so that its rows stay in the cache. Of few rows, outputs are:
// there are not enough rows for the threads, and each of them would read all weights.
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "base/check.h"
#include "decoder/cpu/layer_products.h"
#include "decoder/cpu/output_pieces.h"
#include "model/tensor_roles.h"

namespace headwise {
namespace {

using kernels::kRowTile;

// Up to half a tile for each of several threads, outputs are shared.
constexpr int64_t kFewRows = kRowTile / 2;

using Panel = std::span<const std::byte>;  // PackedLinear::panel

class PackedProducts final : public WholeProducts {
 public:
  PackedProducts(const ProductTools& tools, PackedLayers& layers)
      : WholeProducts(tools),
        layers_(layers),
        linear_(tools.ops),
        few_rows_(tools.pool.size() > 1 && tools.plan.rows() <= kFewRows * tools.pool.size()) {}

  void begin_layer(int layer, const LayerDemand& demand) override {
    index_ = layer;
    layer_ = &layers_.layer(layer, demand, {tools_.ops, tools_.pool, tools_.scratch.workers},
                            tools_.scratch.packed);
  }

  const LayerVectors& vectors() const override { return layer_->vectors; }

  void for_each_tile(const std::function<void(const RowTile&, WorkerScratch&)>& work) override {
    if (few_rows_) {
      for (const RowTile& tile : tools_.plan.cut(index_).whole_tiles)
        work(tile, tools_.scratch.workers.front());
      return;
    }
    const std::vector<RowTile>& tiles = tools_.plan.cut(index_).even_tiles;
    tools_.pool.parallel_for(static_cast<int64_t>(tiles.size()), [&](int64_t i, int w) {
      work(tiles[static_cast<size_t>(i)], tools_.scratch.workers[static_cast<size_t>(w)]);
    });
  }

  void for_row_parts(int64_t rows, const std::function<void(int64_t, int64_t)>& work) override {
    if (!few_rows_) return WholeProducts::for_row_parts(rows, work);
    const int64_t part = kernels::divide_up(rows, tools_.pool.size());
    tools_.pool.parallel_for(kernels::divide_up(rows, part),
                             [&](int64_t i, int) { work(i * part, std::min(part, rows - i * part)); });
  }

  void multiply(const float* x, const RowTile& tile, std::span<const Product> products, WorkerScratch& worker,
                const FinishRows& finish) override {
    if (!few_rows_) return WholeProducts::multiply(x, tile, products, worker, finish);
    if (products.empty()) return;
    const kernels::PreparedRows rows = prepare(x, tile, products.front(), worker);
    const int64_t D = tools_.weights.config.head_width;
    const OutputCut cut{static_cast<int>(products.size()), D, D, D, tile.rows, tools_.pool.size()};
    const auto product_of = [&](const OutputPiece& piece) -> const Product& {
      return products[static_cast<size_t>(piece.product)];
    };
    for_each_piece(cut, product_of, [&](const OutputPiece& piece, Panel next, WorkerScratch&) {
      const Product& product = product_of(piece);
      float* out = product.out + piece.row * D;
      linear_.multiply(rows.part(piece.row, piece.rows), layer_->of(product), {0, D}, out, next);
      add_bias(tools_.ops, {bias(product), product.head * D, D, piece.rows, out, D});
      finish(product, piece.row, piece.rows);
    });
  }

  void add_product(const float* x, const RowTile& tile, LayerTensor matrix, float* hidden,
                   WorkerScratch& worker) override {
    if (!few_rows_) return WholeProducts::add_product(x, tile, matrix, hidden, worker);
    of_few_rows(x, tile, matrix, worker, [&](int64_t place, const float* part, int64_t outputs) {
      tools_.ops.add(hidden + place, part, outputs);
    });
  }

  void multiply_whole(const float* x, const RowTile& tile, LayerTensor matrix, float* out,
                      WorkerScratch& worker) override {
    if (!few_rows_) return WholeProducts::multiply_whole(x, tile, matrix, out, worker);
    of_few_rows(x, tile, matrix, worker, [&](int64_t place, const float* part, int64_t outputs) {
      std::copy_n(part, outputs, out + place);
    });
  }

  void multiply_gated(const float* x, const RowTile& tile, Activation activation, float* out,
                      WorkerScratch& worker) override {
    if (!few_rows_) return WholeProducts::multiply_gated(x, tile, activation, out, worker);
    const int64_t F = tools_.weights.config.ffn_width;
    const Product up_product{LayerTensor::kUp, -1, nullptr};
    const Product gate_product{LayerTensor::kGate, -1, nullptr};
    const kernels::PreparedRows rows = prepare(x, tile, gate_product, worker);
    const auto gate_of = [&](const OutputPiece&) -> const Product& { return gate_product; };
    for_each_piece(
        columns(F, tile.rows), gate_of, [&](const OutputPiece& piece, Panel next, WorkerScratch& own) {
          float* gate = own.pieces.data();
          float* up = gate + kRowTile * kMostColumns;
          multiply_piece(rows, gate_product, piece, gate, layer_->of(up_product).panel(piece.first));
          multiply_piece(rows, up_product, piece, up, next);
          pass_gate(activation, gate, up, piece.rows * piece.outputs);
          for (int64_t row = 0; row < piece.rows; ++row) {
            std::copy_n(gate + row * piece.outputs, piece.outputs, out + (piece.row + row) * F + piece.first);
          }
        });
  }

  void pass_expert(int64_t expert, float* x, int64_t rows, Activation activation,
                   WorkerScratch& worker) override {
    const PackedExpert& packed = layers_.expert(index_, *layer_, expert, tools_.ops, worker);
    const auto prepared = [&](const float* of, int64_t count, const kernels::PackedLinear& matrix) {
      const kernels::PreparedRows made =
          linear_.prepare(of, count, matrix.inputs(), matrix.type(), worker.prepared);
      worker.finite = worker.finite && made.finite();
      return made;
    };
    float* gate = worker.gate.data();
    float* up = worker.projected.data();
    for (int64_t first = 0; first < rows; first += kRowTile) {
      const int64_t count = std::min(kRowTile, rows - first);
      float* part = x + first * packed.gate.inputs();
      const kernels::PreparedRows in = prepared(part, count, packed.gate);
      linear_.multiply(in, packed.gate, gate);
      linear_.multiply(in, packed.up, up);
      pass_gate(activation, gate, up, count * packed.gate.outputs());
      linear_.multiply(prepared(gate, count, packed.down), packed.down, part);
    }
  }

  int64_t rows_of_a_call() const override { return layer_->experts.empty() ? INT64_MAX : kRowTile; }

 private:
  void multiply_all(const float* x, const RowTile& tile, std::span<const Product> products,
                    WorkerScratch& worker) override {
    if (products.empty()) return;
    const kernels::PreparedRows rows = prepare(x, tile, products.front(), worker);
    for (const Product& product : products) {
      const kernels::PackedLinear& matrix = layer_->of(product);
      linear_.multiply(rows, matrix, product.out);
      const int64_t outputs = matrix.outputs();
      const int64_t first = product.head < 0 ? 0 : product.head * outputs;
      add_bias(tools_.ops, {bias(product), first, outputs, tile.rows, product.out, outputs});
    }
  }

  const std::vector<float>& bias(const Product& product) const { return vectors().bias_of(product.matrix); }

  OutputCut columns(int64_t outputs, int64_t rows) const {
    return {1, outputs, kMostColumns, kernels::kColumnGrain, rows, tools_.pool.size()};
  }

  // work(piece, panel, scratch), with the panel that the thread multiplies next where threads take pieces in
  // turn; none behind the last ones.
  template <typename ProductOf, typename Work>
  void for_each_piece(const OutputCut& cut, const ProductOf& product_of, const Work& work) {
    const std::vector<OutputPiece> pieces = cut_outputs(cut);
    const auto threads = static_cast<size_t>(tools_.pool.size());
    const auto panel_of = [&](const OutputPiece& piece) -> Panel {
      return layer_->of(product_of(piece)).panel(piece.first);
    };
    tools_.pool.parallel_for(static_cast<int64_t>(pieces.size()), [&](int64_t i, int w) {
      const size_t next = static_cast<size_t>(i) + threads;
      work(pieces[static_cast<size_t>(i)], next < pieces.size() ? panel_of(pieces[next]) : Panel{},
           tools_.scratch.workers[static_cast<size_t>(w)]);
    });
  }

  // A whole matrix: take(place in the tile's rows, numbers, how many) for each row of a
  // piece.
  template <typename Take>
  void of_few_rows(const float* x, const RowTile& tile, LayerTensor matrix, WorkerScratch& worker,
                   const Take& take) {
    const Product product{matrix, -1, nullptr};
    const int64_t width = layer_->of(product).outputs();
    const kernels::PreparedRows rows = prepare(x, tile, product, worker);
    const auto product_of = [&](const OutputPiece&) -> const Product& { return product; };
    for_each_piece(
        columns(width, tile.rows), product_of, [&](const OutputPiece& piece, Panel next, WorkerScratch& own) {
          const float* part = multiply_piece(rows, product, piece, own.pieces.data(), next);
          for (int64_t row = 0; row < piece.rows; ++row) {
            take((piece.row + row) * width + piece.first, part + row * piece.outputs, piece.outputs);
          }
        });
  }

  // Of all products of the same rows, which have one type.
  kernels::PreparedRows prepare(const float* x, const RowTile& tile, const Product& product,
                                WorkerScratch& worker) const {
    const kernels::PackedLinear& matrix = layer_->of(product);
    const kernels::PreparedRows rows =
        linear_.prepare(x, tile.rows, matrix.inputs(), matrix.type(), worker.prepared);
    worker.finite = worker.finite && rows.finite();
    return rows;
  }

  // The piece's outputs, with bias, to `out` [rows, outputs].
  float* multiply_piece(const kernels::PreparedRows& rows, const Product& product, const OutputPiece& piece,
                        float* out, Panel next) const {
    linear_.multiply(rows.part(piece.row, piece.rows), layer_->of(product), {piece.first, piece.outputs}, out,
                     next);
    add_bias(tools_.ops, {bias(product), piece.first, piece.outputs, piece.rows, out, piece.outputs});
    return out;
  }

  PackedLayers& layers_;
  const kernels::Linear linear_;
  const bool few_rows_;
  int index_ = 0;
  const PackedLayer* layer_ = nullptr;
};

}  // namespace

std::unique_ptr<LayerProducts> make_packed_products(const ProductTools& tools, PackedLayers& layers) {
  return std::make_unique<PackedProducts>(tools, layers);
}

}  // namespace headwise
