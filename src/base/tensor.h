// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the element types that files store and a non-owning view of one stored tensor.
// What it is not: a tensor library. Compute buffers are plain float arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headwise {

enum class DType { kF32, kF16, kBF16, kQ8_0, kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ4_K, kQ5_K, kQ6_K };

struct DTypeTraits {
  DType dtype;
  std::string_view name;  // as GGUF writes it: "Q4_1"
  uint32_t block_values;  // values per block; rows are whole numbers of blocks
  uint32_t block_bytes;   // bytes per block
  int gguf_type;          // ggml type number, also for F32, F16 and BF16
};

const DTypeTraits& dtype_traits(DType dtype);
std::optional<DType> dtype_from_gguf(uint32_t ggml_type);

// "[2, 64]": a shape in a message.
std::string shape_text(const std::vector<int64_t>& shape);

// Shape is outermost first (numpy order), so a linear layer is [out, in] and rows are contiguous.
// The bytes belong to a mapped file that outlives the view.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  size_t bytes = 0;

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t extent : shape) n *= extent;
    return n;
  }
};

}  // namespace headwise
