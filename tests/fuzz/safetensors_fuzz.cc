// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a safetensors file: an error or views inside the bytes, never a crash.
#include <cstdint>
#include <cstdlib>

#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto file = headwise::SafetensorsFile::parse(bytes);
  if (!file) return 0;
  for (const headwise::TensorView& tensor : file->tensors()) {
    if (tensor.data < bytes.data() || tensor.data + tensor.bytes > bytes.data() + size) std::abort();
    const size_t element = headwise::dtype_traits(tensor.dtype).block_bytes;
    if (static_cast<size_t>(tensor.elements()) * element != tensor.bytes) std::abort();
  }
  return 0;
}
