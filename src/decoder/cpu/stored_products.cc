// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "decoder/cpu/stored_products.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

// Outputs of a piece: whole blocks of the kernels' (3 and 6), and their weights fit the second-level cache
// beside the rows.
constexpr int64_t kPieceOutputs = 12;

constexpr std::pair<LayerTensor, LayerTensor> kBiases[] = {
    {LayerTensor::kQuery, LayerTensor::kQueryBias}, {LayerTensor::kKey, LayerTensor::kKeyBias},
    {LayerTensor::kValue, LayerTensor::kValueBias}, {LayerTensor::kOutput, LayerTensor::kOutputBias},
    {LayerTensor::kGate, LayerTensor::kGateBias},   {LayerTensor::kUp, LayerTensor::kUpBias},
    {LayerTensor::kDown, LayerTensor::kDownBias}};

// Empty where the model has none.
std::vector<float> bias_of(const ModelWeights& weights, int64_t layer, LayerTensor matrix) {
  const auto* row = std::find_if(std::begin(kBiases), std::end(kBiases),
                                 [&](const auto& pair) { return pair.first == matrix; });
  HW_CHECK(row != std::end(kBiases));
  return weights.values(layer, row->second);
}

}  // namespace

StoredProducts::StoredProducts(const ModelWeights& weights, const kernels::KernelTable& ops, ThreadPool& pool)
    : weights_(weights),
      ops_(ops),
      pool_(pool),
      decoded_(static_cast<size_t>(pool.size())),
      changed_(static_cast<size_t>(pool.size())) {}

void StoredProducts::run(int64_t layer, int64_t rows, std::span<const StoredProduct> products) {
  pieces_.clear();
  thin_.resize(kLayerTensors);
  std::array<std::vector<float>, kLayerTensors> biases;
  std::array<bool, kLayerTensors> ready{};
  for (size_t i = 0; i < products.size(); ++i) {
    const StoredProduct& product = products[i];
    for (int64_t first = 0; first < product.outputs; first += kPieceOutputs) {
      pieces_.push_back({i, first, std::min(kPieceOutputs, product.outputs - first)});
    }
    const auto matrix = static_cast<size_t>(product.matrix);
    if (std::exchange(ready[matrix], true)) continue;
    biases[matrix] = bias_of(weights_, layer, product.matrix);
    if (const AdapterMatrix* change = weights_.change(layer, product.matrix)) {
      const int64_t inputs = weights_.inputs(layer, product.matrix);
      thin_[matrix].reserve(static_cast<size_t>(rows * change->rank));
      ops_.multiply_rows({product.x, inputs, rows, change->a.data(), change->rank, inputs,
                          thin_[matrix].data(), change->rank});
    }
  }
  pool_.parallel_for(static_cast<int64_t>(pieces_.size()), [&](int64_t index, int w) {
    const Piece& piece = pieces_[static_cast<size_t>(index)];
    const StoredProduct& product = products[piece.product];
    const auto matrix = static_cast<size_t>(product.matrix);
    const int64_t inputs = weights_.inputs(layer, product.matrix);
    const int64_t first = product.first + piece.first;
    AlignedBuffer<float>& decoded = decoded_[static_cast<size_t>(w)];
    decoded.reserve(static_cast<size_t>(kPieceOutputs * inputs));
    weights_.stored_rows(layer, product.matrix, first, piece.outputs, decoded.data());
    float* out = product.out + piece.first;
    ops_.multiply_rows(
        {product.x, inputs, rows, decoded.data(), piece.outputs, inputs, out, product.out_stride});
    if (const AdapterMatrix* change = weights_.change(layer, product.matrix)) {
      AlignedBuffer<float>& changed = changed_[static_cast<size_t>(w)];
      changed.reserve(static_cast<size_t>(rows * kPieceOutputs));
      ops_.multiply_rows({thin_[matrix].data(), change->rank, rows, change->b.data() + first * change->rank,
                          piece.outputs, change->rank, changed.data(), kPieceOutputs});
      const auto scale = static_cast<float>(change->scale);
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t o = 0; o < piece.outputs; ++o) {
          out[row * product.out_stride + o] += scale * changed.data()[row * kPieceOutputs + o];
        }
      }
    }
    if (const std::vector<float>& bias = biases[matrix]; !bias.empty()) {
      for (int64_t row = 0; row < rows; ++row) {
        ops_.add(out + row * product.out_stride, bias.data() + first, piece.outputs);
      }
    }
  });
}

}  // namespace headwise
