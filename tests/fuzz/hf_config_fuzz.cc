// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// Any text as config.json: an error, or a shape whose products cannot overflow, never a crash.
#include <cstdint>
#include <cstdlib>

#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = headwise::config_from_hf({reinterpret_cast<const char*>(data), size});
  if (!config || !config->unsupported.empty()) return 0;
  int64_t product = 0;
  if (config->heads < 1 || config->kv_heads < 1 || config->heads % config->kv_heads != 0) std::abort();
  if (__builtin_mul_overflow(config->vocabulary, config->width, &product)) std::abort();
  if (__builtin_mul_overflow(config->ffn_width * config->width, config->layers * 64, &product)) std::abort();
  const int64_t in_experts = config->experts * config->expert_width * config->width;
  if (__builtin_mul_overflow(in_experts, config->layers * 64, &product)) std::abort();
  if (config->experts_used > config->experts) std::abort();
  if (!(config->norm_epsilon > 0) || !(config->rope_theta > 0) || !(config->rope_scaling.factor > 0))
    std::abort();
  return 0;
}
