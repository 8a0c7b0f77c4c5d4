// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/stored_layer.h"

#include <string>
#include <utility>

#include "base/check.h"

namespace headwise {
namespace {

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

// Rows [first, first + shape[0]) of a stored tensor as one of its own.
StoredTensor rows_of(const TensorView& stored, int64_t first, const std::vector<int64_t>& shape) {
  const size_t row_bytes = stored.bytes / static_cast<size_t>(stored.shape.front());
  StoredTensor rows{stored, {}};
  rows.shape = shape;
  rows.data = stored.data + static_cast<size_t>(first) * row_bytes;
  rows.bytes = static_cast<size_t>(shape.front()) * row_bytes;
  return rows;
}

// The experts' matrices of `shape` [E, outputs, inputs], in one tensor or in one each.
Result<StoredTensor> find_experts(const TensorFile& file, const TensorName& name, const LayerPlace& place,
                                  const std::vector<int64_t>& shape) {
  const std::vector<int64_t> below{shape[0] * shape[1], shape[2]};
  StoredTensor found;
  if (!is_by_expert(name, place.gguf)) {
    const auto stored = checked_tensor(file, stored_name(name, place.layer, place.gguf), shape);
    HW_RETURN_IF_ERROR(stored);
    found = {*stored, {}};
    found.shape = below;
    return found;
  }
  for (int64_t expert = 0; expert < shape[0]; ++expert) {
    auto stored =
        checked_tensor(file, stored_name(name, place.layer, place.gguf, expert), {shape[1], shape[2]});
    HW_RETURN_IF_ERROR(stored);
    found.experts.push_back(std::move(*stored));
  }
  static_cast<TensorView&>(found) = found.experts.front();
  found.shape = below;
  return found;
}

}  // namespace

Result<StoredLayer> find_layer(const TensorFile& file, TensorNames names, const LayerPlace& place,
                               const LayerSpec& layer, const ModelConfig& config) {
  StoredLayer tensors;
  for (const TensorName& name : names) {
    const auto held = name.holds.tensors();
    const std::string full_name = stored_name(name, place.layer, place.gguf);
    if (!has_tensor(layer, held.front())) {
      if (file.find_tensor(full_name) == nullptr) continue;
      return fail(ErrorCode::kUnsupported,
                  "tensor '" + full_name +
                      "' is there, but the model's configuration does not speak of it; "
                      "ignoring it would give wrong scores");
    }
    std::vector<int64_t> shape = shape_of(held.front(), config);
    if (is_by_expert(held.front())) {
      auto experts = find_experts(file, name, place, shape);
      HW_RETURN_IF_ERROR(experts);
      tensors[static_cast<size_t>(held.front())] = std::move(*experts);
      continue;
    }
    shape.front() = 0;
    for (const LayerTensor tensor : held) shape.front() += shape_of(tensor, config).front();
    const auto stored = checked_tensor(file, full_name, shape);
    HW_RETURN_IF_ERROR(stored);
    int64_t first = 0;
    for (const LayerTensor tensor : held) {
      const std::vector<int64_t> own = shape_of(tensor, config);
      tensors[static_cast<size_t>(tensor)] = rows_of(*stored, first, own);
      first += own.front();
    }
  }
  return tensors;
}

Result<TensorView> find_tensor(const TensorFile& file, const ModelTensorName& name, bool gguf,
                               const ModelConfig& config) {
  return checked_tensor(file, std::string(gguf ? name.gguf : name.hugging_face),
                        shape_of(name.shape, config));
}

}  // namespace headwise
