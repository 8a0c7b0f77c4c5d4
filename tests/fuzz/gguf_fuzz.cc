// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as a GGUF file, then as a model's shape: an error or values inside the bytes, never a crash.
#include <cstdint>
#include <cstdlib>

#include "formats/gguf.h"
#include "kernels/dequantize.h"
#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto file = headwise::GgufFile::parse(bytes);
  if (!file) return 0;
  for (const headwise::TensorView& tensor : file->tensors()) {
    if (tensor.data < bytes.data() || tensor.data + tensor.bytes > bytes.data() + size) std::abort();
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    headwise::kernels::dequantize(tensor.dtype, tensor.data, tensor.elements(), values.data());
  }
  const auto config = headwise::config_from_gguf(*file);
  if (config && config->unsupported.empty() && config->heads % config->kv_heads != 0) std::abort();
  return 0;
}
