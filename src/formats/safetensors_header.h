// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the JSON parts of safetensors files, for safetensors.cc alone. A header is read event by
// event, never as a tree: duplicate keys are seen, nesting is bounded by the format, and memory by the
// header's own size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "headwise/error.h"

namespace headwise {

struct SafetensorsEntry {
  std::string name;
  std::string dtype{};
  std::vector<uint64_t> shape{};
  uint64_t begin = 0;  // offsets from the end of the header
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in header order
  std::map<std::string, std::string> metadata;
};

// Shard file name -> the tensors that it should hold.
using ShardMap = std::map<std::string, std::vector<std::string>>;

// kInvalidInput without the file's name: the caller adds it.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view json);
Result<ShardMap> parse_safetensors_index(std::string_view json);
// The index file; messages name it.
Result<ShardMap> read_safetensors_index(const std::filesystem::path& path);

}  // namespace headwise
