// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: what a model on disk holds, told without running it, whether or not this build could:
// shape, tensors by type, memory, tokenizer, and everything that stands in the way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "headwise/error.h"
#include "headwise/model_config.h"

namespace headwise {

struct DescribedTensor {
  std::string name;
  std::string type;            // "Q4_1", "F8_E4M3", ...
  std::vector<int64_t> shape;  // outermost first
  int64_t values = 0;
  int64_t bytes = 0;  // 0 for a type that this build does not read
  bool readable = true;
};

struct TensorTypeTotal {
  std::string type;
  int64_t tensors = 0;
  int64_t values = 0;
  int64_t bytes = 0;
  bool readable = true;
};

// What running it takes, in bytes. Estimates: packing and padding add a few percent.
struct MemoryCost {
  int64_t stored_weights = 0;   // mapped from the file; shared by all processes
  int64_t float_weights = 0;    // with --weights fp32: every layer as fp32
  int64_t largest_layer = 0;    // with --weights stored: one layer at a time as fp32
  int64_t per_1000_tokens = 0;  // activations, keys and values of a prompt
};

struct DescribedTokenizer {
  std::string kind;
  int64_t vocabulary = 0;
  std::string chat_format;  // "none" when the vocabulary has no format's special tokens
};

// An adapter folder, instead of a model's shape.
struct DescribedAdapter {
  int64_t rank = 0;  // of most matrices, as the configuration says
  double alpha = 0.0;
  bool rank_stabilised = false;
  std::string base_model;                // as PEFT noted it; may be empty
  std::vector<std::string> projections;  // "self_attn.q_proj", ... in the model's order
  int64_t first_layer = 0, last_layer = 0;
  int64_t matrices = 0;
};

struct ModelDescription {
  std::string format;                 // "GGUF", "Hugging Face folder", "safetensors file", "PEFT adapter"
  std::optional<ModelConfig> config;  // a lone safetensors file has none
  std::vector<std::string> unsupported;
  std::vector<DescribedTensor> tensors;       // in file order
  std::vector<TensorTypeTotal> tensor_types;  // largest first
  std::optional<MemoryCost> memory;
  std::optional<DescribedTokenizer> tokenizer;
  std::optional<DescribedAdapter> adapter;
  std::string fingerprint;  // empty unless the model can be loaded
  // True when Model::load has just succeeded.
  bool loads() const { return !fingerprint.empty(); }
  // Nothing in the headers stands in the way.
  bool may_load() const { return config && unsupported.empty(); }
};

// A .gguf file, a Hugging Face folder, a folder with a PEFT adapter or a .safetensors file. Errors only for
// files that are missing, unreadable or malformed; what is merely not supported is in the description.
Result<ModelDescription> describe_model(const std::filesystem::path& path);
// The same by headers alone, for lists of many models: no weight and no tokenizer is read, there is no
// fingerprint, and may_load() says what the headers allow.
Result<ModelDescription> describe_headers(const std::filesystem::path& path);

}  // namespace headwise
