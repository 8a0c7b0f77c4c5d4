// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// GGUF metadata to ModelConfig. Keys are named "<architecture>.<suffix>" (gguf-py's constants.py). Rotary
// positions: gguf_rope.h.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "formats/printable.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/config_features.h"
#include "model/families.h"
#include "model/gguf_keys.h"
#include "model/gguf_rope.h"

namespace headwise {
namespace {

using gguf::has_tensor;
using gguf::Keys;

// "<architecture>.<key>".
constexpr std::array<ConfigFeature, 25> kFeatures{{
    {"attn_logit_softcapping", 0, features::kAttentionSoftCap},
    {"final_logit_softcapping", 0, features::kOutputSoftCap},
    {"expert_count", 0, features::kExperts},
    {"expert_used_count", 0, features::kExperts},
    {"expert_shared_count", 0, features::kSharedExperts},
    {"expert_shared_feed_forward_length", 0, features::kSharedExperts},
    {"expert_group_count", 1, features::kExpertGroups},
    {"expert_weights_scale", 1, features::kExpertScale},
    {"expert_gating_func", 1, features::kExpertGate},
    {"use_parallel_residual", 0, features::kParallelResidual},
    {"attention.max_alibi_bias", 0, features::kAlibi},
    {"attention.clamp_kqv", 0, features::kClamped},
    {"attention.causal", 1, features::kNotCausal},
    {"attention.scale", 0, features::kAttentionScale},
    {"attention.output_scale", 0, features::kAttentionOutputScale},
    {"attention.temperature_length", 0, features::kTemperature},
    {"attention.temperature_scale", 0, features::kTemperature},
    {"attention.shared_kv_layers", 0, features::kSharedKeys},
    {"attention.kv_lora_rank", 0, features::kLatentAttention},
    {"rope.freq_base_swa", 0, features::kLayerRope},
    {"rope.scaling.alpha", 0, features::kDynamicRope},
    {"rope.scaling.yarn_log_multiplier", 0, features::kYarnLog},
    {"embedding_scale", 1, features::kScaledEmbeddings},
    {"residual_scale", 1, features::kScaledResiduals},
    {"logit_scale", 1, features::kScaledOutput},
}};

Status read_dimensions(const Keys& keys, ModelConfig& config) {
  const GgufFile& file = keys.file();
  HW_RETURN_IF_ERROR(store(keys.integer("block_count", std::nullopt), config.layers));
  HW_RETURN_IF_ERROR(store(keys.integer("embedding_length", std::nullopt), config.width));
  HW_RETURN_IF_ERROR(store(keys.integer("context_length", std::nullopt), config.context));
  HW_RETURN_IF_ERROR(store(keys.per_layer("feed_forward_length", std::nullopt, config), config.ffn_width));
  HW_RETURN_IF_ERROR(store(keys.per_layer("attention.head_count", std::nullopt, config), config.heads));
  HW_RETURN_IF_ERROR(store(keys.per_layer("attention.head_count_kv", config.heads, config), config.kv_heads));
  const std::vector<std::string>* tokens = file.texts("tokenizer.ggml.tokens");
  const TensorView* embedding = file.find_tensor(kEmbedding.gguf);
  std::optional<int64_t> vocabulary;
  if (tokens != nullptr) vocabulary = static_cast<int64_t>(tokens->size());
  if (!vocabulary && embedding != nullptr) vocabulary = embedding->shape.front();
  HW_RETURN_IF_ERROR(store(keys.integer("vocab_size", vocabulary), config.vocabulary));

  auto head_width = keys.integer("attention.key_length", -1);
  HW_RETURN_IF_ERROR(head_width);
  if (*head_width == -1) {
    if (config.heads < 1 || config.width < 1 || config.width % config.heads != 0) {
      return fail(ErrorCode::kInvalidInput, std::to_string(config.heads) +
                                                " heads do not divide the width of " +
                                                std::to_string(config.width) + ", and there is no key " +
                                                printable(keys.key("attention.key_length")));
    }
    head_width = config.width / config.heads;
  }
  config.head_width = *head_width;
  auto value_width = keys.integer("attention.value_length", config.head_width);
  HW_RETURN_IF_ERROR(value_width);
  if (*value_width != config.head_width) {
    config.unsupported.push_back("values of width " + std::to_string(*value_width) +
                                 " beside keys of width " + std::to_string(config.head_width) + " (key " +
                                 keys.key("attention.value_length") + ")");
  }
  return store(keys.real("attention.layer_norm_rms_epsilon", std::nullopt), config.norm_epsilon);
}

Status read_numbers(const Keys& keys, const ModelFamily& family, ModelConfig& config) {
  for (const FamilyNumber& number : family.numbers) {
    if (number.field == nullptr || number.gguf.empty()) continue;
    HW_RETURN_IF_ERROR(store(keys.real(number.gguf, number.missing_in_gguf), config.*number.field));
  }
  return {};
}

// `family` may be null.
void read_features(const Keys& keys, const ModelFamily* family, ModelConfig& config) {
  const GgufFile& file = keys.file();
  for (const ConfigFeature& feature : kFeatures) {
    const std::string key = keys.key(feature.key);
    if (file.find(key) == nullptr || (family != nullptr && family->reads(feature.key, true))) continue;
    const std::optional<bool> flag = file.boolean(key);
    const std::optional<double> number = flag ? std::optional(*flag ? 1.0 : 0.0) : file.real(key);
    if (number && *number == feature.inert) continue;
    // Zero means "not used" for the scales too.
    if (number && *number == 0.0 && feature.inert == 1.0 && !flag) continue;
    if (number && feature.key == "attention.scale" &&
        std::fabs(*number * std::sqrt(static_cast<double>(config.head_width)) - 1.0) < 1e-6) {
      continue;
    }
    config.unsupported.push_back(std::string(feature.phrase) + " (key " + key +
                                 (number ? " = " + show_number(*number) : "") + ")");
  }
}

Status read_experts(const Keys& keys, const ModelFamily& family, ModelConfig& config) {
  if (family.default_experts == 0) return {};
  HW_RETURN_IF_ERROR(store(keys.integer("expert_count", std::nullopt), config.experts));
  HW_RETURN_IF_ERROR(store(keys.integer("expert_used_count", std::nullopt), config.experts_used));
  // llama.cpp's rule for files without the key.
  const int64_t width = config.ffn_width / std::max<int64_t>(config.experts_used, 1);
  HW_RETURN_IF_ERROR(store(keys.integer("expert_feed_forward_length", width), config.expert_width));
  const std::optional<bool> says = keys.file().boolean(keys.key("expert_weights_norm"));
  config.shares_of_used = says.value_or(family.gguf_shares_of_used);
  if (config.experts >= 1) return {};
  return fail(ErrorCode::kInvalidInput, "the number of experts is " + std::to_string(config.experts) +
                                            " (key " + keys.key("expert_count") + "); expected 1 or more");
}

// The numbers of `config` must be checked: layers are counted.
Status read_layers(const Keys& keys, const ModelFamily& family, ModelConfig& config) {
  using Window = ModelFamily::Window;
  const int64_t step = family.no_rotary_interval;
  for (int64_t i = step - 1; step > 0 && i < config.layers; i += step) {
    config.layers_without_rotary.push_back(i);
  }
  for (int64_t i = 0; config.experts > 0 && i < config.layers; ++i) {
    const TensorName* router = name_of(family.names, LayerTensor::kRouter);
    if (!has_tensor(keys.file(), stored_name(*router, i, true))) config.layers_without_experts.push_back(i);
  }
  const bool pattern = family.gguf_window == Window::kPattern;
  auto window = keys.integer("attention.sliding_window", pattern ? family.default_window : 0);
  HW_RETURN_IF_ERROR(window);
  if (*window == 0) return {};
  if (*window < 0) {
    return fail(ErrorCode::kInvalidInput, "the sliding window is " + std::to_string(*window) +
                                              " tokens (key " + keys.key("attention.sliding_window") +
                                              "); expected 0 or more");
  }
  if (family.gguf_window == Window::kIgnored) {
    if (*window >= config.context) return {};
    config.unsupported.push_back("sliding window of " + std::to_string(*window) + " tokens (key " +
                                 keys.key("attention.sliding_window") + ")");
    return {};
  }
  auto every = keys.integer("attention.sliding_window_pattern", pattern ? family.window_pattern : 0);
  if (!every || *every < 0) {
    config.unsupported.push_back("layers with a window that are listed one by one (key " +
                                 keys.key("attention.sliding_window_pattern") + ")");
    return {};
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    config.windows.push_back(*every > 0 && (i + 1) % *every == 0 ? 0 : *window);
  }
  return {};
}

// What the file's tensors say and its keys do not.
void read_tensor_features(const GgufFile& file, const ModelFamily& family, ModelConfig& config) {
  const auto has = [&](LayerTensor tensor) {
    const TensorName* name = name_of(family.names, tensor);
    return name != nullptr && has_tensor(file, stored_name(*name, 0, true));
  };
  config.qkv_bias = family.qkv_bias || has(LayerTensor::kQueryBias);
  config.output_bias = has(LayerTensor::kOutputBias);
  config.mlp_bias = has(LayerTensor::kDownBias);
  config.tied_embeddings = !has_tensor(file, kOutputLayer.gguf);
  const LayerSpec first = family.spec(config).layers.front();
  const auto reads = [&](const std::string& name) {
    return std::any_of(family.names.begin(), family.names.end(), [&](const TensorName& row) {
      return stored_name(row, 0, true) == name && headwise::has_tensor(first, row.holds.tensors().front());
    });
  };
  for (const auto& [name, phrase] :
       {std::pair<std::string, std::string_view>{"blk.0.attn_q_norm.weight", features::kQkNorms},
        {"blk.0.post_attention_norm.weight", "norms after attention"},
        {"blk.0.attn_sub_norm.weight", "norms inside attention"},
        {"blk.0.attn_qkv.weight", "q, k and v in one tensor"},
        {"blk.0.attn_sinks.weight", "attention sinks"},
        {"blk.0.ffn_gate_inp.weight", features::kExperts}}) {
    if (has_tensor(file, name) && !reads(name)) {
      config.unsupported.push_back(std::string(phrase) + " (tensor " + name + ")");
    }
  }
}

}  // namespace

Result<ModelConfig> config_from_gguf(const GgufFile& file) {
  const std::string* architecture = file.text("general.architecture");
  if (architecture == nullptr) {
    return fail(ErrorCode::kInvalidInput,
                "key 'general.architecture' is missing: the file does not say what it holds");
  }
  ModelConfig config;
  config.architecture = *architecture;
  if (const std::string* name = file.text("general.name")) config.name = *name;
  const Keys keys(file, *architecture);
  const ModelFamily* family = find_gguf_family(*architecture);
  if (family == nullptr) {
    config.unsupported.push_back("architecture " + printable(*architecture) +
                                 " (supported: " + supported_architectures() + ")");
    // What can be told about it is told; nothing of it will be computed.
    ModelConfig described = config;
    if (Status read = read_dimensions(keys, described); read && check_config(described)) {
      config = std::move(described);
      read_features(keys, nullptr, config);
    }
    return config;
  }
  HW_RETURN_IF_ERROR(read_dimensions(keys, config));
  HW_RETURN_IF_ERROR(gguf::read_rope(keys, *family, config));
  HW_RETURN_IF_ERROR(read_numbers(keys, *family, config));
  HW_RETURN_IF_ERROR(read_experts(keys, *family, config));
  read_features(keys, family, config);
  config.qk_norm = family->qk_norm;
  config.permuted_qk = family->gguf_permuted_qk;
  HW_RETURN_IF_ERROR(check_config(config));
  // After the check: there is a first layer.
  HW_RETURN_IF_ERROR(read_layers(keys, *family, config));
  HW_RETURN_IF_ERROR(complete_config(*family, config, true));
  read_tensor_features(file, *family, config);
  return config;
}

}  // namespace headwise
