// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/tensor_names.h"

#include <algorithm>

namespace headwise {

std::string stored_name(const TensorName& name, int64_t layer, bool gguf, int64_t expert) {
  std::string full = (gguf ? "blk." : "model.layers.") + std::to_string(layer) + "." +
                     std::string(gguf ? name.gguf : name.hugging_face);
  const size_t star = full.find('*');
  return star == std::string::npos ? full : full.replace(star, 1, std::to_string(expert));
}

bool is_by_expert(const TensorName& name, bool gguf) {
  return (gguf ? name.gguf : name.hugging_face).find('*') != std::string_view::npos;
}

std::string_view module_of(const TensorName& name) {
  return name.hugging_face.substr(0, name.hugging_face.rfind('.'));
}

const TensorName* name_of(TensorNames names, LayerTensor tensor) {
  const auto found = std::find_if(names.begin(), names.end(), [&](const TensorName& name) {
    const auto held = name.holds.tensors();
    return std::find(held.begin(), held.end(), tensor) != held.end();
  });
  return found == names.end() ? nullptr : &*found;
}

}  // namespace headwise
