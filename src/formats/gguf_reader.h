// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: one GGUF file's bytes to metadata and tensor views, for gguf.cc alone.
// What it is not: splits and lookups (gguf.cc).
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"

namespace headwise {

struct GgufContents {
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<TensorView> tensors;
  std::vector<GgufUnsupportedTensor> unsupported;
};

// `name` stands for the file in error messages.
Result<GgufContents> read_gguf(std::span<const std::byte> bytes, std::string_view name);

}  // namespace headwise
