// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the metadata of a GGUF file by key, each with its type and what holds when it is
// missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "formats/gguf.h"
#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise::gguf {

// Keys of a file, named "<architecture>.<suffix>" (gguf-py's constants.py).
class Keys {
 public:
  Keys(const GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  const GgufFile& file() const { return file_; }
  std::string key(std::string_view suffix) const { return architecture_ + "." + std::string(suffix); }

  // The number of `suffix`, or `fallback` when the key is not there; an error when it is of another type, or
  // there is no fallback.
  Result<int64_t> integer(std::string_view suffix, std::optional<int64_t> fallback) const;
  Result<double> real(std::string_view suffix, std::optional<double> fallback) const;
  // As `integer`, for keys that may also hold one value per layer: equal values count as one, others are
  // noted as a feature.
  Result<int64_t> per_layer(std::string_view suffix, std::optional<int64_t> fallback,
                            ModelConfig& config) const;

 private:
  const GgufFile& file_;
  std::string architecture_;
};

// Also one of a type that this build does not read.
bool has_tensor(const GgufFile& file, std::string_view name);

}  // namespace headwise::gguf
