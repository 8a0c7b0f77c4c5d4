// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// model.safetensors.index.json: {"metadata": {...}, "weight_map": {tensor: shard}}. A shard is a plain file
// name beside the index: a name with a path in it could make a model folder read any file of the machine.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_text.h"
#include "formats/printable.h"
#include "formats/safetensors_header.h"

namespace headwise {
namespace {

constexpr size_t kLargestIndex = size_t{64} << 20;

bool is_plain_file_name(std::string_view name) {
  return name.ends_with(".safetensors") &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace

Result<ShardMap> parse_safetensors_index(std::string_view text) {
  auto json = parse_json(text);
  HW_RETURN_IF_ERROR(json);
  if (!json->is_object() || !json->contains("weight_map") || !(*json)["weight_map"].is_object()) {
    return fail(ErrorCode::kInvalidInput, "expected an object with an object 'weight_map' in it");
  }
  ShardMap shards;
  for (const auto& [tensor, shard] : (*json)["weight_map"].items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>())) {
      return fail(ErrorCode::kInvalidInput,
                  "weight_map places tensor " + printable(tensor) + " in " +
                      (shard.is_string() ? printable(shard.get_ref<const std::string&>())
                                         : "something not a string") +
                      "; expected the plain name of a .safetensors file beside the index");
    }
    shards[shard.get<std::string>()].push_back(tensor);
  }
  if (shards.empty()) return fail(ErrorCode::kInvalidInput, "weight_map is empty");
  return shards;
}

Result<ShardMap> read_safetensors_index(const std::filesystem::path& path) {
  auto text = read_text_file(path, kLargestIndex);
  HW_RETURN_IF_ERROR(text);
  auto shards = parse_safetensors_index(*text);
  if (!shards)
    return fail(ErrorCode::kInvalidInput, printable_path(path.string()) + ": " + shards.error().message());
  return shards;
}

}  // namespace headwise
