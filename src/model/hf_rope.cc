// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/hf_rope.h"

#include <optional>
#include <string>

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

Status read_rope_scaling(const Json& json, const Json& rope, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  std::string type = text(rope, "rope_type");
  if (type.empty()) type = text(rope, "type");
  if (type.empty() || type == "default") return {};
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::kLinear;
    return store(real(rope, "factor", std::nullopt), scaling.factor);
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

Status read_rope(const Json& json, ModelConfig& config) {
  const Json empty = Json::object();
  const Json* rope = find(json, "rope_scaling");  // where both are there transformers takes this one
  if (rope == nullptr || rope->empty()) rope = find(json, "rope_parameters");
  if (rope == nullptr) rope = &empty;
  if (!rope->is_object()) return wrong_type("rope_scaling or rope_parameters", "an object", *rope);
  for (const auto& [key, value] : rope->items()) {
    if (!value.is_object()) continue;
    config.unsupported.push_back("rope of its own in some layers (config key rope_parameters, " +
                                 printable(key) + ")");
    return {};
  }
  auto outer = real(json, "rope_theta", 10000.0);
  HW_RETURN_IF_ERROR(outer);
  HW_RETURN_IF_ERROR(store(real(*rope, "rope_theta", *outer), config.rope_theta));
  for (const char* key : {"partial_rotary_factor", "rotary_pct"}) {
    auto share = real(json, key, 1.0);
    HW_RETURN_IF_ERROR(share);
    auto inner = real(*rope, key, *share);
    HW_RETURN_IF_ERROR(inner);
    if (*inner != 1.0) {
      config.unsupported.push_back("rotary positions on a part of each head (config key " + std::string(key) +
                                   " = " + show_number(*inner) + ")");
    }
  }
  if (const Json* sections = find(*rope, "mrope_section")) {
    config.unsupported.push_back(
        "rotary positions in sections (config key mrope_section = " + show(*sections) + ")");
  }
  return read_rope_scaling(json, *rope, config);
}

}  // namespace headwise::hf
