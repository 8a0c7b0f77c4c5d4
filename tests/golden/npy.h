// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Reads the little-endian float32 .npy files of the fixtures (version 1.0 headers, C order). For tests only.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"

namespace headwise::golden {

struct Array {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

inline Array read_npy(const std::filesystem::path& path) {
  const std::string bytes = read_text_file(path).value();
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0)
    throw std::runtime_error("not .npy: " + path.string());
  const size_t header = static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  const std::string text = bytes.substr(10, header);
  if (text.find("'<f4'") == std::string::npos || text.find("'fortran_order': False") == std::string::npos) {
    throw std::runtime_error("not C-order float32: " + path.string());
  }
  Array array;
  int64_t count = 1;
  const size_t open = text.find('(');
  std::string shape = text.substr(open + 1, text.find(')') - open - 1);
  for (size_t i = 0; i < shape.size();) {
    if (shape[i] < '0' || shape[i] > '9') {
      ++i;
      continue;
    }
    size_t digits = 0;
    array.shape.push_back(std::stoll(shape.substr(i), &digits));
    count *= array.shape.back();
    i += digits;
  }
  if (bytes.size() != 10 + header + static_cast<size_t>(count) * sizeof(float)) {
    throw std::runtime_error("cut short: " + path.string());
  }
  array.values.resize(static_cast<size_t>(count));
  std::memcpy(array.values.data(), bytes.data() + 10 + header, static_cast<size_t>(count) * sizeof(float));
  return array;
}

}  // namespace headwise::golden
