// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// What this file is: config.json files to read, as values that tests change.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "model/config.h"

namespace headwise::config_json {

using Json = nlohmann::json;

// Llama-3.2-1B's, in the spelling of transformers 4.
inline Json llama() {
  return Json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false, "head_dim": 64,
    "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072,
    "mlp_bias": false, "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8,
    "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0,
    "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"},
    "rope_theta": 500000.0, "tie_word_embeddings": true, "vocab_size": 128256})");
}

inline Json family(const char* model_type, const char* class_name) {
  return Json{{"architectures", {class_name}}, {"model_type", model_type},       {"hidden_size", 64},
              {"intermediate_size", 96},       {"num_attention_heads", 4},       {"num_hidden_layers", 30},
              {"num_key_value_heads", 2},      {"max_position_embeddings", 512}, {"vocab_size", 320}};
}
inline Json mistral() { return family("mistral", "MistralForCausalLM"); }
inline Json qwen2() { return family("qwen2", "Qwen2ForCausalLM"); }
inline Json qwen3() { return family("qwen3", "Qwen3ForCausalLM"); }

inline ModelConfig read(const Json& json) {
  auto config = config_from_hf(json.dump());
  EXPECT_TRUE(config) << config.error().to_string();
  return config ? *config : ModelConfig{};
}

inline Json with(Json json, const char* key, Json value) {
  json[key] = std::move(value);
  return json;
}
inline Json without(Json json, const char* key) {
  json.erase(key);
  return json;
}

}  // namespace headwise::config_json
