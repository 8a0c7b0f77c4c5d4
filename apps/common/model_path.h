// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the help text of every verb's --model. What it may be is in headwise/engine.h.
#pragma once

#include "engine/options.h"

namespace headwise {

inline const char* model_help() { return find_option("model")->help; }

}  // namespace headwise
