// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what --model may be: a .gguf file, a folder with config.json, the name of a model under
// $HEADWISE_HOME/models ("smollm2-135m-instruct", any case, with or without the quantisation), or nothing:
// the default model.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "headwise/error.h"

namespace headwise {

inline constexpr std::string_view kDefaultModelFile = "SmolLM2-135M-Instruct.Q4_1.gguf";
// Help text of every verb's --model.
inline constexpr const char* kModelHelp =
    "A .gguf file, a Hugging Face folder, or the name of a model under $HEADWISE_HOME/models (default: "
    "SmolLM2-135M-Instruct)";

// $HEADWISE_HOME, or ~/.cache/headwise.
std::filesystem::path headwise_home();

// The file or folder that `given` names. kNotFound lists what the models folder holds; kUsage when a name
// fits several models.
Result<std::filesystem::path> resolve_model(const std::string& given);

}  // namespace headwise
