// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: the limits that a model's numbers must keep whatever file they came from, for
// config_hf.cc and config_gguf.cc.
#pragma once

#include <string>
#include <string_view>

#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise {

// kInvalidInput, with the dimension's name, for a number no model can have: zero, negative, absurdly large,
// heads that kv heads do not divide, odd head width, an epsilon or a rope base that is not a positive number.
Status check_config(const ModelConfig& config);

// A number for a message: "1e-05", "8192", not "8192.000000".
std::string show_number(double value);

// yarn's factor on cos and sin where the file gives none: transformers' get_mscale (Peng et al. 2023, eq. 22
// for factor alone; DeepSeek's quotient when both mscales are given).
double default_yarn_attention_factor(const RopeScaling& scaling);

}  // namespace headwise
