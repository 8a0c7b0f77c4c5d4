// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// config.json to ModelConfig, read as transformers' configuration classes read it (hf_rope.h for rotary
// positions). Where a key is missing the class's default holds (families.h).
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/check.h"
#include "formats/json_text.h"
#include "formats/printable.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/config_features.h"
#include "model/families.h"
#include "model/hf_keys.h"
#include "model/hf_layers.h"
#include "model/hf_rope.h"
#include "model/layer_spec.h"

namespace headwise {
namespace {

using hf::boolean;
using hf::find;
using hf::integer;
using hf::Json;
using hf::real;
using hf::show;
using hf::text;

// null, false and a missing key never ask for anything.
constexpr std::array<ConfigFeature, 33> kFeatures{{
    {"attn_logit_softcapping", 0, features::kAttentionSoftCap},
    {"attn_logit_softcap", 0, features::kAttentionSoftCap},
    {"final_logit_softcapping", 0, features::kOutputSoftCap},
    {"num_local_experts", 0, features::kExperts},
    {"num_experts", 0, features::kExperts},
    {"n_routed_experts", 0, features::kExperts},
    {"moe_intermediate_size", 0, features::kExperts},
    {"n_shared_experts", 0, features::kSharedExperts},
    {"shared_expert_intermediate_size", 0, features::kSharedExperts},
    {"parallel_attn", 0, features::kParallelResidual},
    {"use_parallel_residual", 0, features::kParallelResidual},
    {"alibi", 0, features::kAlibi},
    {"use_alibi", 0, features::kAlibi},
    {"clip_qkv", 0, features::kClamped},
    {"use_bidirectional_attention", 0, features::kNotCausal},
    {"attn_temperature_tuning", 0, features::kTemperature},
    {"embedding_multiplier", 1, features::kScaledEmbeddings},
    {"scale_emb", 1, features::kScaledEmbeddings},
    {"residual_multiplier", 1, features::kScaledResiduals},
    {"scale_depth", 1, features::kScaledResiduals},
    {"attention_multiplier", 0, features::kAttentionScale},
    {"query_pre_attn_scalar", 0, features::kAttentionScale},
    {"logits_scaling", 1, features::kScaledOutput},
    {"logit_scale", 1, features::kScaledOutput},
    {"kv_lora_rank", 0, features::kLatentAttention},
    {"q_lora_rank", 0, features::kLatentAttention},
    {"num_kv_shared_layers", 0, features::kSharedKeys},
    {"rope_local_base_freq", 0, features::kLayerRope},
    {"local_rope_theta", 0, features::kLayerRope},
    {"global_rope_theta", 0, features::kLayerRope},
    {"rope_interleaved", 0, features::kInterleavedRotary},
    {"qk_layernorm", 0, features::kQkNorms},
    {"use_qk_norm", 0, features::kQkNorms},
}};

Status read_dimensions(const Json& json, const ModelFamily* family, ModelConfig& config) {
  const std::optional<int64_t> needed;
  HW_RETURN_IF_ERROR(store(integer(json, "num_hidden_layers", needed), config.layers));
  HW_RETURN_IF_ERROR(store(integer(json, "num_attention_heads", needed), config.heads));
  HW_RETURN_IF_ERROR(store(integer(json, "hidden_size", needed), config.width));
  HW_RETURN_IF_ERROR(store(integer(json, "intermediate_size", needed), config.ffn_width));
  HW_RETURN_IF_ERROR(store(integer(json, "vocab_size", needed), config.vocabulary));
  // A key that says null means "as many as query heads", "width / heads"; one that is missing, the class's
  // default.
  const bool says_kv_heads = json.contains("num_key_value_heads");
  const int64_t kv_heads = !says_kv_heads && family != nullptr && family->default_kv_heads != 0
                               ? family->default_kv_heads
                               : config.heads;
  HW_RETURN_IF_ERROR(store(integer(json, "num_key_value_heads", kv_heads), config.kv_heads));
  const int64_t context = family != nullptr ? family->default_context : 2048;
  HW_RETURN_IF_ERROR(store(integer(json, "max_position_embeddings", context), config.context));
  const double epsilon = family != nullptr ? family->default_epsilon : 1e-6;
  HW_RETURN_IF_ERROR(store(real(json, "rms_norm_eps", epsilon), config.norm_epsilon));
  const bool tied = family != nullptr && family->tied_by_default;
  HW_RETURN_IF_ERROR(store(boolean(json, "tie_word_embeddings", tied), config.tied_embeddings));

  const bool says_head_width = json.contains("head_dim");
  int64_t head_width = !says_head_width && family != nullptr ? family->default_head_width : 0;
  HW_RETURN_IF_ERROR(store(integer(json, "head_dim", head_width), head_width));
  if (head_width == 0 && find(json, "head_dim") == nullptr) {
    if (config.heads < 1 || config.width < 1 || config.width % config.heads != 0) {
      return fail(ErrorCode::kInvalidInput, std::to_string(config.heads) +
                                                " heads (num_attention_heads) do not divide" +
                                                " the width of " + std::to_string(config.width) +
                                                " (hidden_size), and there is no key 'head_dim'");
    }
    head_width = config.width / config.heads;
  }
  config.head_width = head_width;
  return {};
}

Status read_numbers(const Json& json, const ModelFamily& family, ModelConfig& config) {
  for (const FamilyNumber& number : family.numbers) {
    const std::string key(number.hugging_face);
    if (number.field == nullptr || key.empty()) continue;
    if (json.contains(key) && find(json, key) == nullptr) continue;  // null: none of it
    HW_RETURN_IF_ERROR(store(real(json, key, number.missing), config.*number.field));
  }
  return {};
}

// transformers 5 writes num_local_experts, as 4 had num_experts.
Status read_experts(const Json& json, const ModelFamily& family, ModelConfig& config) {
  if (family.default_experts == 0) return {};
  const char* count = find(json, "num_local_experts") != nullptr ? "num_local_experts" : "num_experts";
  HW_RETURN_IF_ERROR(store(integer(json, count, family.default_experts), config.experts));
  HW_RETURN_IF_ERROR(
      store(integer(json, "num_experts_per_tok", family.default_experts_used), config.experts_used));
  HW_RETURN_IF_ERROR(
      store(integer(json, "moe_intermediate_size", family.default_expert_width), config.expert_width));
  if (config.experts == 0) config.experts_used = config.expert_width = 0;
  return store(boolean(json, "norm_topk_prob", false), config.shares_of_used);
}

// True for null, false, numbers at their inert value and empty containers.
bool is_inert(const Json& value, double inert) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == inert;
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

// Gemma's classes read one key, all others another.
void read_activation(const Json& json, const ModelFamily* family, ModelConfig& config) {
  const bool gelu = family != nullptr && family->activation == Activation::kGeluTanh;
  const char* key = gelu || find(json, "hidden_act") == nullptr ? "hidden_activation" : "hidden_act";
  const std::string activation = text(json, key);
  const bool known = gelu ? activation == "gelu_pytorch_tanh" : activation == "silu" || activation == "swish";
  if (activation.empty() || known) return;
  config.unsupported.push_back("activation " + printable(activation) + " (config key " + key + ")");
}

// `family` may be null.
void read_features(const Json& json, const ModelFamily* family, ModelConfig& config) {
  for (const ConfigFeature& feature : kFeatures) {
    if (family != nullptr && family->reads(feature.key, false)) continue;
    const Json* value = find(json, feature.key);
    if (value == nullptr || is_inert(*value, feature.inert)) continue;
    config.unsupported.push_back(std::string(feature.phrase) + " (config key " + std::string(feature.key) +
                                 " = " + show(*value) + ")");
  }
  if (const Json* quantization = find(json, "quantization_config");
      quantization && quantization->is_object()) {
    config.unsupported.push_back("weights quantised by " + printable(text(*quantization, "quant_method")) +
                                 " (config key quantization_config): use the original model or a GGUF file");
  }
  read_activation(json, family, config);
  const std::string positions = text(json, "position_embedding_type");
  if (!positions.empty() && positions != "rope" && positions != "rotary") {
    config.unsupported.push_back("position embedding " + printable(positions) +
                                 " (config key position_embedding_type)");
  }
  if (family != nullptr && family->no_rotary_interval != 0) return;
  if (const Json* rotary = find(json, "no_rope_layers"); rotary != nullptr && rotary->is_array()) {
    if (std::any_of(rotary->begin(), rotary->end(), [](const Json& layer) { return layer != 1; })) {
      config.unsupported.emplace_back("layers without rotary positions (config key no_rope_layers)");
    }
  }
}

}  // namespace

Result<ModelConfig> config_from_hf(std::string_view config_json) {
  auto parsed = parse_json(config_json);
  HW_RETURN_IF_ERROR(parsed);
  const Json& json = *parsed;
  if (!json.is_object()) return fail(ErrorCode::kInvalidInput, "expected an object, found " + show(json));

  const Json* classes = find(json, "architectures");
  std::string class_name;
  if (classes != nullptr && classes->is_array() && !classes->empty() && classes->front().is_string()) {
    class_name = classes->front().get<std::string>();
  }
  const std::string model_type = text(json, "model_type");
  const std::string named = !class_name.empty() ? class_name : model_type;
  if (named.empty()) {
    return fail(ErrorCode::kInvalidInput, "neither 'architectures' nor 'model_type' says what the model is");
  }
  const ModelFamily* family = find_hf_family(class_name, model_type);
  ModelConfig config;
  config.architecture = family != nullptr ? std::string(family->architecture) : named;
  config.name = text(json, "_name_or_path");
  if (family == nullptr) {
    config.unsupported.push_back("architecture " + printable(named) +
                                 " (supported: " + supported_architectures() + ")");
    // What can be told about it is told; nothing of it will be computed.
    ModelConfig described = config;
    if (read_dimensions(json, nullptr, described) && hf::read_rope(json, nullptr, described) &&
        check_config(described)) {
      config = std::move(described);
      read_features(json, nullptr, config);
    }
    return config;
  }

  HW_RETURN_IF_ERROR(read_dimensions(json, family, config));
  HW_RETURN_IF_ERROR(hf::read_rope(json, family, config));
  auto attention_bias = boolean(json, "attention_bias", false);
  HW_RETURN_IF_ERROR(attention_bias);
  auto mlp_bias = boolean(json, "mlp_bias", false);
  HW_RETURN_IF_ERROR(mlp_bias);
  config.qkv_bias = family->qkv_bias || (family->reads_attention_bias && *attention_bias);
  config.output_bias = family->reads_attention_bias && *attention_bias;
  config.mlp_bias = family->reads_mlp_bias && *mlp_bias;
  config.qk_norm = family->qk_norm;
  HW_RETURN_IF_ERROR(read_numbers(json, *family, config));
  HW_RETURN_IF_ERROR(read_experts(json, *family, config));
  read_features(json, family, config);
  HW_RETURN_IF_ERROR(check_config(config));
  // After the check: it counts layers.
  HW_RETURN_IF_ERROR(hf::read_layers(json, *family, config));
  HW_RETURN_IF_ERROR(complete_config(*family, config, false));
  return config;
}

}  // namespace headwise
