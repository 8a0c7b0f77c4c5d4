// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what config_hf.cc and config_gguf.cc share: the limits that a model's numbers must
// keep whatever file they came from, and how they are noted and shown.
#pragma once

#include <string>
#include <utility>

#include "base/check.h"
#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise {

// kInvalidInput, with the dimension's name, for a number no model can have: zero, negative, absurdly large,
// heads that kv heads do not divide, odd head width, an epsilon or a rope base that is not a positive number.
Status check_config(const ModelConfig& config);

// The same for what multiplies and caps: query_scale, soft_cap, the multipliers.
Status check_multipliers(const ModelConfig& config);

// Assigns a value that was read to its field, or passes its error on.
template <typename T>
Status store(Result<T> value, T& into) {
  HW_RETURN_IF_ERROR(value);
  into = *value;
  return {};
}

// Some files name the context before rope scaling, some after: the longer of what they say and what scaling
// gives.
void lengthen_context(ModelConfig& config);

// A number for a message: "1e-05", "8192", not "8192.000000".
std::string show_number(double value);

// yarn's factor on cos and sin where the file gives none: transformers' get_mscale (Peng et al. 2023, eq. 22
// for factor alone; DeepSeek's quotient when both mscales are given).
double default_yarn_attention_factor(const RopeScaling& scaling);

}  // namespace headwise
