// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What GGUF and safetensors files have in common for the model loader: named tensors in mapped memory.
#pragma once

#include <string_view>
#include <vector>

#include "base/tensor.h"

namespace headwise {

class TensorFile {
 public:
  virtual ~TensorFile() = default;
  // Every tensor this build can read, in file order. Views stay valid while the file object lives.
  virtual const std::vector<TensorView>& tensors() const = 0;
  // Null when there is none of that name.
  virtual const TensorView* find_tensor(std::string_view name) const = 0;
};

}  // namespace headwise
