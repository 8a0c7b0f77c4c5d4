// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what training leaves behind for others to use: adapter_config.json and
// adapter_model.safetensors in PEFT's layout.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "align/graph/scorer.h"
#include "headwise/error.h"
#include "headwise/head_set.h"
#include "headwise/model.h"

namespace headwise {

// Matrices trained as a whole are written as factors of full rank: identity times change.
Status write_adapter(const std::filesystem::path& folder, const TrainingModel& model,
                     const std::string& base_name);

}  // namespace headwise
