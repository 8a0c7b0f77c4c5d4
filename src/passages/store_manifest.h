// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: store.json, which says whose passages a folder keeps: KeptContext::describe() and its
// digest, which tells a damaged manifest from another context's.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "headwise/error.h"
#include "passages/kept_context.h"

namespace headwise {

// kNotFound; kInvalidInput when it is damaged.
Result<nlohmann::ordered_json> read_manifest(const std::filesystem::path& folder);
Status write_manifest(const std::filesystem::path& folder, const KeptContext& context);
// kInvalidInput: something is in the folder that no store has, and no manifest.
Status check_folder(const std::filesystem::path& folder);

}  // namespace headwise
