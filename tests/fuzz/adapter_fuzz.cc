// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any bytes as an adapter's configuration, and as its tensors beside a sound configuration: an error, or
// factors of the shapes that the model asks for.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/adapter.h"
#include "model/adapter_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwise::ModelConfig model;
  model.layers = 2;
  model.heads = 2;
  model.kv_heads = 1;
  model.head_width = 8;
  model.width = 16;
  model.ffn_width = 32;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = headwise::parse_adapter_config(text)) {
    (void)config->rank_of("model.layers.1.self_attn.q_proj");
    (void)config->alpha_of("model.layers.1.self_attn.q_proj");
    (void)config->targets.include("model.layers.1.self_attn.q_proj", 1);
  }
  const headwise::AdapterFiles files{R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4})",
                                     {reinterpret_cast<const std::byte*>(data), size}};
  const auto adapter = headwise::parse_adapter(files, model);
  if (!adapter) return 0;
  for (const headwise::AdapterMatrix& matrix : adapter->matrices) {
    if (matrix.rank != 2 || matrix.a.size() % 2 != 0 || matrix.b.size() % 2 != 0) std::abort();
  }
  return 0;
}
