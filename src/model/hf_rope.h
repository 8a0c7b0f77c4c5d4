// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: rotary positions as a config.json says them, in transformers 4's spelling (rope_theta
// and rope_scaling) or 5's (rope_parameters), read as modeling_rope_utils.py reads them.
#pragma once

#include "headwise/error.h"
#include "headwise/model_config.h"
#include "model/families.h"
#include "model/hf_keys.h"

namespace headwise::hf {

// Into rope_theta, window_rope_theta, rotary_width, rope_scaling and, where scaling makes it longer, context;
// what is not supported is noted by name. The dimensions of `config` must be read. `family` may be null.
Status read_rope(const Json& json, const ModelFamily* family, ModelConfig& config);

}  // namespace headwise::hf
