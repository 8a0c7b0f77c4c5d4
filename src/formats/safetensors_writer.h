// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: float32 tensors to the bytes of one safetensors file, which Python's `safetensors` reads
// (docs/formats.md#labels-and-routers). The data starts on a multiple of 8 bytes. Reading is in
// safetensors.h.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace headwise {

struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const float> values;  // as many as the shape says
};

std::string format_safetensors(std::span<const NamedTensor> tensors,
                               const std::map<std::string, std::string>& metadata);

}  // namespace headwise
