// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any text as model.safetensors.index.json: an error or plain file names, never a path.
#include <cstdint>
#include <cstdlib>

#include "formats/safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto shards = headwise::parse_safetensors_index({reinterpret_cast<const char*>(data), size});
  if (!shards) return 0;
  for (const auto& [shard, names] : *shards) {
    if (shard.find('/') != std::string::npos || shard.find('\0') != std::string::npos || names.empty())
      std::abort();
  }
  return 0;
}
