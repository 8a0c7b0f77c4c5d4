// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the files of models/*/adapter as they are. The definition is made by
// cmake/embed_adapters.cmake when the library is built.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace headwise {

struct EmbeddedAdapter {
  std::string_view heads;              // heads.json
  std::string_view config;             // adapter_config.json
  std::span<const std::byte> tensors;  // adapter_model.safetensors
};

std::span<const EmbeddedAdapter> embedded_adapters();

}  // namespace headwise
