// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the help text of every verb's --model. What it may be is in headwise/engine.h.
#pragma once

#include "headwise/engine.h"

namespace headwise {

inline constexpr const char* kModelHelp =
    "A .gguf file, a Hugging Face folder, or the name of a model under $HEADWISE_HOME/models (default: "
    "SmolLM2-135M-Instruct)";

}  // namespace headwise
