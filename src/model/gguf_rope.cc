// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/gguf_rope.h"

#include <cstring>
#include <string>

#include "base/check.h"
#include "formats/printable.h"
#include "model/config_check.h"
#include "model/tensor_names.h"

namespace headwise::gguf {
namespace {

// The values of a tensor of fp32; never more than the file holds: the reader has checked the tensor's bytes.
std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values(tensor.bytes / sizeof(float));
  std::memcpy(values.data(), tensor.data, tensor.bytes);
  return values;
}

// Llama-3 files: divisors in a tensor.
Status read_frequency_divisors(const GgufFile& file, ModelConfig& config) {
  const TensorView* divisors = file.find_tensor(kFrequencyDivisors);
  if (divisors == nullptr) return {};
  if (divisors->dtype != DType::kF32) {
    config.unsupported.push_back("rope_freqs.weight of type " +
                                 std::string(dtype_traits(divisors->dtype).name));
    return {};
  }
  if (config.rope_scaling.kind != RopeScaling::Kind::kNone) {
    config.unsupported.emplace_back("rope scaling by factor and by the tensor rope_freqs.weight at once");
    return {};
  }
  config.rope_scaling.kind = RopeScaling::Kind::kLlama3;
  config.rope_scaling.frequency_divisors = floats_of(*divisors);
  return {};
}

// Phi-3's files: two tensors of divisors.
Status read_longrope(const Keys& keys, const ModelFamily& family, ModelConfig& config) {
  constexpr std::string_view kShort = "rope_factors_short.weight";
  constexpr std::string_view kLong = "rope_factors_long.weight";
  const GgufFile& file = keys.file();
  if (!has_tensor(file, kShort) && !has_tensor(file, kLong)) return {};
  const TensorView* shorter = file.find_tensor(kShort);
  const TensorView* longer = file.find_tensor(kLong);
  const auto is_read = [](const TensorView* tensor) {
    return tensor != nullptr && tensor->dtype == DType::kF32;
  };
  if (!family.longrope || !is_read(shorter) || !is_read(longer)) {
    config.unsupported.push_back("longrope scaling (tensor " + std::string(kLong) + ")");
    return {};
  }
  RopeScaling& scaling = config.rope_scaling;
  scaling.kind = RopeScaling::Kind::kLongrope;
  scaling.short_divisors = floats_of(*shorter);
  scaling.long_divisors = floats_of(*longer);
  HW_RETURN_IF_ERROR(
      store(keys.integer("rope.scaling.original_context_length", config.context), scaling.original_context));
  return store(keys.real("rope.scaling.attn_factor", 1.0), scaling.attention_factor);
}

Status read_yarn(const Keys& keys, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  scaling.kind = RopeScaling::Kind::kYarn;
  HW_RETURN_IF_ERROR(
      store(keys.integer("rope.scaling.original_context_length", config.context), scaling.original_context));
  HW_RETURN_IF_ERROR(store(keys.real("rope.scaling.yarn_beta_fast", 32.0), scaling.beta_fast));
  HW_RETURN_IF_ERROR(store(keys.real("rope.scaling.yarn_beta_slow", 1.0), scaling.beta_slow));
  auto external = keys.real("rope.scaling.yarn_ext_factor", 1.0);
  HW_RETURN_IF_ERROR(external);
  if (*external != 1.0 && *external != -1.0) {  // -1: "the default" in llama.cpp
    config.unsupported.push_back("yarn extrapolation factor " + show_number(*external) + " (key " +
                                 keys.key("rope.scaling.yarn_ext_factor") + ")");
  }
  auto attention = keys.real("rope.scaling.attn_factor", 1.0);
  HW_RETURN_IF_ERROR(attention);
  auto yarn_attention = keys.real("rope.scaling.yarn_attn_factor", *attention);
  HW_RETURN_IF_ERROR(yarn_attention);
  scaling.attention_factor =
      (*yarn_attention == -1.0 ? 1.0 : *yarn_attention) * default_yarn_attention_factor(scaling);
  lengthen_context(config);
  return {};
}

}  // namespace

Status read_rope(const Keys& keys, const ModelFamily& family, ModelConfig& config) {
  const GgufFile& file = keys.file();
  HW_RETURN_IF_ERROR(store(keys.real("rope.freq_base", 10000.0), config.rope_theta));
  auto rotary = keys.integer("rope.dimension_count", config.head_width);
  HW_RETURN_IF_ERROR(rotary);
  if (*rotary != config.head_width && *rotary > 0 && family.partial_rotary) {
    config.rotary_width = *rotary;
  } else if (*rotary != config.head_width) {
    config.unsupported.push_back("rotary positions on " + std::to_string(*rotary) + " of " +
                                 std::to_string(config.head_width) + " dimensions (key " +
                                 keys.key("rope.dimension_count") + ")");
  }
  if (file.find(keys.key("rope.dimension_sections")) != nullptr) {
    config.unsupported.push_back("rotary positions in sections (key " + keys.key("rope.dimension_sections") +
                                 ")");
  }
  if (family.default_window_rope_theta != 0.0) {
    HW_RETURN_IF_ERROR(
        store(keys.real("rope.freq_base_swa", family.default_window_rope_theta), config.window_rope_theta));
  }
  RopeScaling& scaling = config.rope_scaling;
  // "rope.scale_linear" is the spelling of files from 2023.
  auto legacy = keys.real("rope.scale_linear", 0.0);
  HW_RETURN_IF_ERROR(legacy);
  auto factor = keys.real("rope.scaling.factor", *legacy);
  HW_RETURN_IF_ERROR(factor);
  scaling.factor = *factor == 0.0 ? 1.0 : *factor;
  const std::string* type = file.text(keys.key("rope.scaling.type"));
  // llama.cpp takes a factor without a type as linear.
  const std::string kind = type != nullptr ? *type : "linear";
  if (kind == "none") {
    scaling.factor = 1.0;
  } else if (kind == "linear") {
    if (scaling.factor != 1.0) scaling.kind = RopeScaling::Kind::kLinear;
  } else if (kind == "yarn") {
    HW_RETURN_IF_ERROR(read_yarn(keys, config));
  } else if (kind != "longrope" || !family.longrope) {
    config.unsupported.push_back("rope scaling of type " + printable(kind) + " (key " +
                                 keys.key("rope.scaling.type") + ")");
  }
  HW_RETURN_IF_ERROR(read_longrope(keys, family, config));
  return read_frequency_divisors(file, config);
}

}  // namespace headwise::gguf
