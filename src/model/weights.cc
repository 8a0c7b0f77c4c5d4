// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/weights.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "kernels/dequantize.h"

namespace headwise {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

// What a tensor of a layer must look like, and whether the model has it.
struct Expectation {
  bool present;
  std::vector<int64_t> shape;
};

Expectation expectation(LayerTensor tensor, const ModelConfig& config) {
  const int64_t C = config.width;
  const int64_t F = config.ffn_width;
  const int64_t D = config.head_width;
  const int64_t HD = config.heads * D;
  const int64_t KD = config.kv_heads * D;
  switch (tensor) {
    case LayerTensor::kAttentionNorm:
    case LayerTensor::kFfnNorm:
      return {true, {C}};
    case LayerTensor::kQuery:
      return {true, {HD, C}};
    case LayerTensor::kKey:
    case LayerTensor::kValue:
      return {true, {KD, C}};
    case LayerTensor::kOutput:
      return {true, {C, HD}};
    case LayerTensor::kQueryBias:
      return {config.qkv_bias, {HD}};
    case LayerTensor::kKeyBias:
    case LayerTensor::kValueBias:
      return {config.qkv_bias, {KD}};
    case LayerTensor::kOutputBias:
      return {config.output_bias, {C}};
    case LayerTensor::kQueryNorm:
    case LayerTensor::kKeyNorm:
      return {config.qk_norm, {D}};
    case LayerTensor::kGate:
    case LayerTensor::kUp:
      return {true, {F, C}};
    case LayerTensor::kDown:
      return {true, {C, F}};
    case LayerTensor::kGateBias:
    case LayerTensor::kUpBias:
      return {config.mlp_bias, {F}};
    case LayerTensor::kDownBias:
      return {config.mlp_bias, {C}};
  }
  return {false, {}};
}

Result<TensorView> checked_tensor(const TensorFile& file, const std::string& name,
                                  const std::vector<int64_t>& shape) {
  const TensorView* found = file.find_tensor(name);
  if (found == nullptr) {
    return fail(ErrorCode::kInvalidInput,
                "tensor '" + name + "' of shape " + shape_text(shape) +
                    " is missing, or stored in a type that this build does not read; "
                    "`headwise inspect --tensors` lists what the file holds");
  }
  if (found->shape != shape) {
    return fail(ErrorCode::kInvalidInput, "tensor '" + name + "' should have shape " + shape_text(shape) +
                                              ", found " + shape_text(found->shape));
  }
  if (shape.size() == 1 && dtype_traits(found->dtype).block_values != 1) {
    return fail(ErrorCode::kUnsupported, "tensor '" + name + "' is a vector stored as " +
                                             std::string(dtype_traits(found->dtype).name) +
                                             "; vectors are read as F32, F16 or BF16");
  }
  return *found;
}

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

// Adds rows [first, first + rows) of scale * B A. Sums over the rank in its order, for each value by itself.
void add_change(const AdapterMatrix& change, int64_t first, int64_t rows, int64_t columns, float* out) {
  const auto scale = static_cast<float>(change.scale);
  std::vector<float> sums(static_cast<size_t>(columns));
  for (int64_t row = 0; row < rows; ++row) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    const float* factors = change.b.data() + (first + row) * change.rank;
    int64_t r = 0;
    for (; r + 4 <= change.rank; r += 4) {  // four at once: a quarter of the loads and stores, the same sum
      const float* a = change.a.data() + r * columns;
      const float f0 = factors[r], f1 = factors[r + 1], f2 = factors[r + 2], f3 = factors[r + 3];
      for (int64_t i = 0; i < columns; ++i) {
        float sum = sums[static_cast<size_t>(i)] + f0 * a[i];
        sum += f1 * a[columns + i];
        sum += f2 * a[2 * columns + i];
        sums[static_cast<size_t>(i)] = sum + f3 * a[3 * columns + i];
      }
    }
    for (; r < change.rank; ++r) {
      const float* a = change.a.data() + r * columns;
      for (int64_t i = 0; i < columns; ++i) sums[static_cast<size_t>(i)] += factors[r] * a[i];
    }
    for (int64_t i = 0; i < columns; ++i) out[row * columns + i] += scale * sums[static_cast<size_t>(i)];
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

// Whether GGUF's interleaved rotary order, where a file has it, holds for the tensor's rows.
bool is_rotated(LayerTensor tensor) {
  return tensor == LayerTensor::kQuery || tensor == LayerTensor::kKey || tensor == LayerTensor::kQueryBias ||
         tensor == LayerTensor::kKeyBias;
}

bool is_matrix(LayerTensor tensor) {
  switch (tensor) {
    case LayerTensor::kQuery:
    case LayerTensor::kKey:
    case LayerTensor::kValue:
    case LayerTensor::kOutput:
    case LayerTensor::kGate:
    case LayerTensor::kUp:
    case LayerTensor::kDown:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::unique_ptr<ModelWeights>> ModelWeights::create(std::unique_ptr<TensorFile> file,
                                                           const ModelConfig& config, bool gguf,
                                                           const ModelOptions& options) {
  auto weights = std::make_unique<ModelWeights>();
  weights->config = config;
  weights->spec = plain_spec(config);
  weights->options = options;
  auto embedding = checked_tensor(*file, std::string(gguf ? kEmbeddingGguf : kEmbeddingHuggingFace),
                                  {config.vocabulary, config.width});
  HW_RETURN_IF_ERROR(embedding);
  weights->embedding = *embedding;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    std::array<TensorView, kLayerTensors>& tensors = weights->layers.emplace_back();
    for (const LayerTensorName& name : kLayerTensorNames) {
      const Expectation expected = expectation(name.tensor, config);
      const std::string full_name = layer_tensor_name(name, layer, gguf);
      if (!expected.present) {
        if (file->find_tensor(full_name) == nullptr) continue;
        return fail(ErrorCode::kUnsupported,
                    "tensor '" + full_name +
                        "' is there, but the model's configuration does not speak of it; "
                        "ignoring it would give wrong scores");
      }
      auto tensor = checked_tensor(*file, full_name, expected.shape);
      HW_RETURN_IF_ERROR(tensor);
      tensors[static_cast<size_t>(name.tensor)] = *tensor;
    }
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

std::vector<float> ModelWeights::values(int64_t layer, LayerTensor tensor) const {
  const TensorView& view = layers[static_cast<size_t>(layer)][static_cast<size_t>(tensor)];
  if (view.data == nullptr) return {};
  if (!is_matrix(tensor)) {
    return dequantize_vector(view, config.permuted_qk && is_rotated(tensor), config.head_width);
  }
  std::vector<float> values(static_cast<size_t>(view.elements()));
  rows(layer, tensor, 0, view.shape[0], values.data());
  return values;
}

void ModelWeights::rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t count, float* out) const {
  stored_rows(layer, tensor, first, count, out);
  if (const AdapterMatrix* found = change(layer, tensor)) {
    add_change(*found, first, count, inputs(layer, tensor), out);
  }
}

void ModelWeights::release(int64_t layer) const {
  for (const TensorView& tensor : layers[static_cast<size_t>(layer)]) {
    if (tensor.data != nullptr) release_pages(tensor.data, tensor.bytes);
  }
}

void ModelWeights::stored_rows(int64_t layer, LayerTensor tensor, int64_t first, int64_t rows,
                               float* out) const {
  const TensorView& view = layers[static_cast<size_t>(layer)][static_cast<size_t>(tensor)];
  const bool interleaved = config.permuted_qk && is_rotated(tensor);
  dequantize_rows(view, first, rows, view.shape[1], interleaved, config.head_width, out);
}

void ModelWeights::embed(int32_t id, float* out) const {
  HW_CHECK(id >= 0 && id < config.vocabulary);
  dequantize_rows(embedding, id, 1, config.width, false, config.head_width, out);
}

uint64_t ModelWeights::hash() const {
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto mix = [&](const void* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      hash ^= static_cast<const unsigned char*>(bytes)[i];
      hash *= 1099511628211ULL;
    }
  };
  const int64_t shape[] = {config.layers, config.heads,     config.kv_heads,  config.head_width,
                           config.width,  config.ffn_width, config.vocabulary};
  mix(shape, sizeof shape);
  // One row of every matrix, another one in each layer: values, not bytes, so that the same weights in
  // another file (order, names, q and k rows permuted) count as the same model.
  std::vector<float> row;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (LayerTensor tensor :
         {LayerTensor::kQuery, LayerTensor::kKey, LayerTensor::kValue, LayerTensor::kDown}) {
      const TensorView& view = layers[layer][static_cast<size_t>(tensor)];
      const bool interleaved = config.permuted_qk && is_rotated(tensor);
      row.resize(static_cast<size_t>(view.shape[1]));
      dequantize_rows(view, static_cast<int64_t>(layer * 7) % view.shape[0], 1, view.shape[1], interleaved,
                      config.head_width, row.data());
      mix(row.data(), row.size() * sizeof(float));
    }
  }
  return hash;
}

}  // namespace headwise
