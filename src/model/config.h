// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: from the two spellings of a model's shape (Hugging Face config.json, GGUF metadata) to
// ours. Anything a file asks for that would change the forward pass and is not implemented lands in
// `unsupported`.
#pragma once

#include <string_view>

#include "formats/gguf.h"
#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise {

// config.json of transformers v4 (rope_theta + rope_scaling) or v5 (rope_parameters).
Result<ModelConfig> config_from_hf(std::string_view config_json);
Result<ModelConfig> config_from_gguf(const GgufFile& file);

}  // namespace headwise
