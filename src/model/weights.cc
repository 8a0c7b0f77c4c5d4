// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/weights.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fnv.h"
#include "kernels/dequantize.h"
#include "model/families.h"

namespace headwise {
namespace {

// Where GGUF's interleaved rotary order (x0 y0 x1 y1 ... of a head for x0 x1 ... y0 y1 ...) keeps a row.
int64_t interleaved_row(int64_t row, int64_t head_width) {
  const int64_t in_head = row % head_width;
  const int64_t half = head_width / 2;
  return row - in_head + (in_head < half ? 2 * in_head : 2 * (in_head - half) + 1);
}

// Rows of a stored matrix as fp32, in order, or taken from GGUF's interleaved rotary order.
void dequantize_rows(const TensorView& tensor, int64_t first, int64_t rows, int64_t columns, bool interleaved,
                     int64_t head_width, float* out) {
  const DTypeTraits& traits = dtype_traits(tensor.dtype);
  const int64_t row_bytes = columns / traits.block_values * traits.block_bytes;
  if (!interleaved) {
    kernels::dequantize(tensor.dtype, tensor.data + first * row_bytes, rows * columns, out);
    return;
  }
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t stored = interleaved_row(first + row, head_width);
    kernels::dequantize(tensor.dtype, tensor.data + stored * row_bytes, columns, out + row * columns);
  }
}

std::vector<float> dequantize_vector(const TensorView& tensor, bool interleaved, int64_t head_width) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  if (interleaved) {
    dequantize_rows(tensor, 0, tensor.elements(), 1, true, head_width, values.data());
  } else {
    kernels::dequantize(tensor.dtype, tensor.data, tensor.elements(), values.data());
  }
  return values;
}

}  // namespace

Result<std::unique_ptr<ModelWeights>> ModelWeights::create(std::unique_ptr<TensorFile> file,
                                                           const ModelConfig& config, bool gguf,
                                                           const ModelOptions& options) {
  auto weights = std::make_unique<ModelWeights>();
  const ModelFamily& family = family_of(config);
  weights->config = config;
  weights->spec = family.spec(config);
  weights->options = options;
  auto embedding = find_tensor(*file, kEmbedding, gguf, config);
  HW_RETURN_IF_ERROR(embedding);
  weights->embedding = *embedding;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const LayerSpec& spec = weights->spec.layers[static_cast<size_t>(layer)];
    auto tensors = find_layer(*file, family.names, {layer, gguf}, spec, config);
    HW_RETURN_IF_ERROR(tensors);
    weights->layers.push_back(std::move(*tensors));
  }
  weights->changes_.resize(weights->layers.size());
  weights->file = std::move(file);
  return weights;
}

void ModelWeights::adapt(Adapter adapter) {
  adapter_ = std::move(adapter);
  for (const AdapterMatrix& matrix : adapter_.matrices) {
    changes_[static_cast<size_t>(matrix.layer)][static_cast<size_t>(matrix.tensor)] = &matrix;
  }
}

bool ModelWeights::is_interleaved(LayerTensor tensor) const {
  return config.permuted_qk && role_of(tensor).rotated;
}

std::vector<float> ModelWeights::values(int64_t layer, LayerTensor tensor) const {
  const TensorView& view = layers[static_cast<size_t>(layer)][static_cast<size_t>(tensor)];
  if (view.data == nullptr) return {};
  const TensorRole& role = role_of(tensor);
  if (role.kind != TensorKind::kMatrix) {
    std::vector<float> vector = dequantize_vector(view, is_interleaved(tensor), config.head_width);
    const double offset = spec.layers[static_cast<size_t>(layer)].norm_weight_offset;
    if (role.kind == TensorKind::kNorm && offset != 0.0) {
      for (float& value : vector) value += static_cast<float>(offset);
    }
    return vector;
  }
  std::vector<float> values(static_cast<size_t>(view.elements()));
  rows(layer, tensor, 0, view.shape[0], values.data());
  return values;
}

void ModelWeights::rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t count, float* out) const {
  stored_rows(layer, tensor, first, count, out);
  const kernels::LowRank low_rank = change(layer, tensor);
  if (low_rank.rank > 0) {
    kernels::kernels_or_definition().add_low_rank(low_rank, first, count, inputs(layer, tensor), out);
  }
}

kernels::LowRank ModelWeights::change(int64_t layer, LayerTensor tensor) const {
  const AdapterMatrix* found = changes_[static_cast<size_t>(layer)][static_cast<size_t>(tensor)];
  if (found == nullptr) return {};
  return {found->a.data(), found->b.data(), found->rank, static_cast<float>(found->scale)};
}

void ModelWeights::release(int64_t layer) const {
  for (const StoredTensor& tensor : layers[static_cast<size_t>(layer)]) {
    if (tensor.data != nullptr) release_pages(tensor.data, tensor.bytes);
    for (const TensorView& expert : tensor.experts) release_pages(expert.data, expert.bytes);
  }
}

void ModelWeights::stored_rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t rows,
                               float* out) const {
  const StoredTensor& view = layers[static_cast<size_t>(layer)][static_cast<size_t>(tensor)];
  const int64_t columns = view.shape[1];
  if (view.experts.empty()) {
    return dequantize_rows(view, first, rows, columns, is_interleaved(tensor), config.head_width, out);
  }
  const int64_t of_expert = view.experts.front().shape[0];
  while (rows > 0) {
    const int64_t in_expert = first % of_expert;
    const int64_t count = std::min(rows, of_expert - in_expert);
    dequantize_rows(view.experts[static_cast<size_t>(first / of_expert)], in_expert, count, columns, false,
                    config.head_width, out);
    first += count;
    rows -= count;
    out += count * columns;
  }
}

void ModelWeights::embed(int32_t id, float* out) const {
  HW_CHECK(id >= 0 && id < config.vocabulary);
  dequantize_rows(embedding, id, 1, config.width, false, config.head_width, out);
}

uint64_t ModelWeights::hash() const {
  Fnv hash;
  const int64_t shape[] = {config.layers, config.heads,     config.kv_heads,  config.head_width,
                           config.width,  config.ffn_width, config.vocabulary};
  hash.add(std::span<const int64_t>(shape));
  if (config.experts > 0) {
    const int64_t experts[] = {config.experts, config.experts_used, config.expert_width,
                               config.shares_of_used ? 1 : 0};
    hash.add(std::span<const int64_t>(experts));
  }
  // One row of every matrix, another one in each layer: values, not bytes, so that the same weights in
  // another file (order, names, q and k rows permuted) count as the same model.
  std::vector<float> row;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (LayerTensor tensor : {LayerTensor::kQuery, LayerTensor::kKey, LayerTensor::kValue,
                               LayerTensor::kDown, LayerTensor::kRouter, LayerTensor::kExpertDown}) {
      if (!has_tensor(spec.layers[layer], tensor)) continue;
      const TensorView& view = layers[layer][static_cast<size_t>(tensor)];
      row.resize(static_cast<size_t>(view.shape[1]));
      stored_rows(static_cast<int64_t>(layer), tensor, static_cast<int64_t>(layer * 7) % view.shape[0], 1,
                  row.data());
      hash.add(std::span<const float>(row));
    }
  }
  return hash.value();
}

}  // namespace headwise
