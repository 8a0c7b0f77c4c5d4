// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: weights for the GPU's bench: of a file, or of a shape alone, where every matrix lies in
// one memory of random bf16 numbers, so that a model of 8 billion parameters takes no 16 GB of the host.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "headwise/model.h"
#include "model/weights.h"

namespace headwise::gpu_bench {

// A folder or .gguf file, no tokenizer needed. Throws std::runtime_error.
std::shared_ptr<const ModelWeights> open_weights(const std::filesystem::path& path);

// "qwen3-0.6b", "qwen3-4b", "llama-8b", "tiny"; with 32,768 ids. Throws std::runtime_error.
std::shared_ptr<const ModelWeights> random_weights(const std::string& shape);

// What `shape` is, as config.json has it.
std::string config_of(std::string_view shape);

}  // namespace headwise::gpu_bench
