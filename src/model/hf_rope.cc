// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/hf_rope.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "formats/printable.h"
#include "model/config_check.h"

namespace headwise::hf {
namespace {

Status read_yarn(const Json& rope, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  const auto original = static_cast<double>(scaling.original_context);
  // transformers: the ratio of the two contexts where factor is null.
  HW_RETURN_IF_ERROR(
      store(real(rope, "factor", original > 0 ? static_cast<double>(config.context) / original : 0.0),
            scaling.factor));
  HW_RETURN_IF_ERROR(store(real(rope, "beta_fast", 32.0), scaling.beta_fast));
  HW_RETURN_IF_ERROR(store(real(rope, "beta_slow", 1.0), scaling.beta_slow));
  // `or` in Python: 0 means the default.
  if (scaling.beta_fast == 0.0) scaling.beta_fast = 32.0;
  if (scaling.beta_slow == 0.0) scaling.beta_slow = 1.0;
  HW_RETURN_IF_ERROR(store(real(rope, "mscale", 0.0), scaling.mscale));
  HW_RETURN_IF_ERROR(store(real(rope, "mscale_all_dim", 0.0), scaling.mscale_all_dim));
  HW_RETURN_IF_ERROR(store(boolean(rope, "truncate", true), scaling.truncate));
  return store(real(rope, "attention_factor", default_yarn_attention_factor(scaling)),
               scaling.attention_factor);
}

Status read_divisors(const Json& rope, const char* key, std::vector<float>& divisors) {
  const Json* listed = find(rope, key);
  const auto is_number = [](const Json& value) { return value.is_number(); };
  if (listed == nullptr) return fail(ErrorCode::kInvalidInput, "key '" + std::string(key) + "' is missing");
  if (!listed->is_array() || !std::all_of(listed->begin(), listed->end(), is_number)) {
    return wrong_type(key, "an array of numbers", *listed);
  }
  for (const Json& value : *listed) divisors.push_back(value.get<float>());
  return {};
}

// Ding et al. 2024, arXiv 2402.13753, as modeling_rope_utils.py has it.
Status read_longrope(const Json& json, const Json& rope, const ModelFamily& family, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  scaling.kind = RopeScaling::Kind::kLongrope;
  HW_RETURN_IF_ERROR(store(integer(rope, "original_max_position_embeddings", family.default_context),
                           scaling.original_context));
  HW_RETURN_IF_ERROR(store(integer(json, "original_max_position_embeddings", scaling.original_context),
                           scaling.original_context));
  HW_RETURN_IF_ERROR(read_divisors(rope, "short_factor", scaling.short_divisors));
  HW_RETURN_IF_ERROR(read_divisors(rope, "long_factor", scaling.long_divisors));
  const auto original = static_cast<double>(scaling.original_context);
  const double longer = original > 0 ? static_cast<double>(config.context) / original : 0.0;
  HW_RETURN_IF_ERROR(store(real(rope, "factor", longer), scaling.factor));
  const double attention =
      scaling.factor <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(scaling.factor) / std::log(original));
  return store(real(rope, "attention_factor", attention), scaling.attention_factor);
}

// Layers with a window have a base of their own: from transformers 4's key beside the others or 5's object
// for each kind of layer. Leaves in `rope` what holds for the other layers.
Status read_window_rope(const Json& json, const ModelFamily& family, const Json*& rope, ModelConfig& config) {
  HW_RETURN_IF_ERROR(
      store(real(json, "rope_local_base_freq", family.default_window_rope_theta), config.window_rope_theta));
  const Json* windowed = find(*rope, "sliding_attention");
  const Json* full = find(*rope, "full_attention");
  if (windowed != nullptr && windowed->is_object()) {
    HW_RETURN_IF_ERROR(
        store(real(*windowed, "rope_theta", config.window_rope_theta), config.window_rope_theta));
    const std::string type = text(*windowed, "rope_type");
    if (!type.empty() && type != "default") {
      config.unsupported.push_back("rope scaling of type " + printable(type) +
                                   " in layers with a window (config key rope_parameters)");
    }
  }
  if (full != nullptr && full->is_object()) rope = full;
  return {};
}

Status read_rope_scaling(const Json& json, const Json& rope, const ModelFamily* family, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  std::string type = text(rope, "rope_type");
  if (type.empty()) type = text(rope, "type");
  if (type.empty() || type == "default") return {};
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    return store(real(rope, "factor", std::nullopt), scaling.factor);
  }
  if (family != nullptr && family->longrope && (type == "longrope" || type == "su" || type == "yarn")) {
    return read_longrope(json, rope, *family, config);  // its older names
  }
  if (type != "llama3" && type != "yarn") {
    config.unsupported.push_back("rope scaling of type " + printable(type) + " (config key rope_type)");
    return {};
  }
  HW_RETURN_IF_ERROR(
      store(integer(rope, "original_max_position_embeddings", config.context), scaling.original_context));
  // A key beside the rope's own wins, as in transformers.
  HW_RETURN_IF_ERROR(store(integer(json, "original_max_position_embeddings", scaling.original_context),
                           scaling.original_context));
  if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::kYarn;
    HW_RETURN_IF_ERROR(read_yarn(rope, config));
  } else {
    scaling.kind = RopeScaling::Kind::kLlama3;
    HW_RETURN_IF_ERROR(store(real(rope, "factor", std::nullopt), scaling.factor));
    HW_RETURN_IF_ERROR(store(real(rope, "low_freq_factor", std::nullopt), scaling.low_freq_factor));
    HW_RETURN_IF_ERROR(store(real(rope, "high_freq_factor", std::nullopt), scaling.high_freq_factor));
  }
  lengthen_context(config);
  return {};
}

}  // namespace

Status read_rope(const Json& json, const ModelFamily* family, ModelConfig& config) {
  const Json empty = Json::object();
  const Json* rope = find(json, "rope_scaling");  // where both are there transformers takes this one
  if (rope == nullptr || rope->empty()) rope = find(json, "rope_parameters");
  if (rope == nullptr) rope = &empty;
  if (!rope->is_object()) return wrong_type("rope_scaling or rope_parameters", "an object", *rope);
  if (family != nullptr && family->default_window_rope_theta != 0.0) {
    HW_RETURN_IF_ERROR(read_window_rope(json, *family, rope, config));
  }
  for (const auto& [key, value] : rope->items()) {
    if (!value.is_object()) continue;
    config.unsupported.push_back("rope of its own in some layers (config key rope_parameters, " +
                                 printable(key) + ")");
    return {};
  }
  auto outer = real(json, "rope_theta", family != nullptr ? family->default_rope_theta : 10000.0);
  HW_RETURN_IF_ERROR(outer);
  HW_RETURN_IF_ERROR(store(real(*rope, "rope_theta", *outer), config.rope_theta));
  for (const char* key : {"partial_rotary_factor", "rotary_pct"}) {
    auto share = real(json, key, 1.0);
    HW_RETURN_IF_ERROR(share);
    auto inner = real(*rope, key, *share);
    HW_RETURN_IF_ERROR(inner);
    if (*inner > 0.0 && *inner < 1.0 && family != nullptr && family->partial_rotary) {
      config.rotary_width = static_cast<int64_t>(static_cast<double>(config.head_width) * *inner);
    } else if (*inner != 1.0) {
      config.unsupported.push_back("rotary positions on a part of each head (config key " + std::string(key) +
                                   " = " + show_number(*inner) + ")");
    }
  }
  if (const Json* sections = find(*rope, "mrope_section")) {
    config.unsupported.push_back(
        "rotary positions in sections (config key mrope_section = " + show(*sections) + ")");
  }
  return read_rope_scaling(json, *rope, family, config);
}

}  // namespace headwise::hf
