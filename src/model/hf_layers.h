// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a config.json says of single layers: which have a window, and which no rotary
// positions.
#pragma once

#include "headwise/error.h"
#include "headwise/model_config.h"
#include "model/families.h"
#include "model/hf_keys.h"

namespace headwise::hf {

// Into windows and layers_without_rotary; what is not supported is noted by name. The numbers of `config`
// must be checked: layers are counted.
Status read_layers(const Json& json, const ModelFamily& family, ModelConfig& config);

}  // namespace headwise::hf
