// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: numpy's .npy format for the one kind of array we exchange: little-endian float32, C
// order. Written as version 1.0; versions 1 to 3 are read. Source: numpy.lib.format.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

std::string format_npy(std::span<const int64_t> shape, std::span<const float> values);
// `source` is for messages. kInvalidInput when the bytes are not such an array, whole and nothing after it.
Result<NpyArray> parse_npy(std::string_view bytes, std::string_view source);

}  // namespace headwise
