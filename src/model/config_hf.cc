// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// config.json to ModelConfig, read as transformers' configuration classes and modeling_rope_utils.py read it
// (5.x; the older spelling with rope_theta and rope_scaling beside each other as well). Where a key is
// missing the class's default holds (families.cc).
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/check.h"
#include "formats/json_text.h"
#include "formats/printable.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/families.h"

namespace headwise {
namespace {

using Json = nlohmann::json;

// Keys that change the forward pass in some class or other, with the value at which they do not; null, false
// and a missing key never do.
struct Feature {
  std::string_view key;
  double inert;
  std::string_view phrase;
};
constexpr std::array<Feature, 31> kFeatures{{
    {"attn_logit_softcapping", 0, "soft-cap of attention logits"},
    {"attn_logit_softcap", 0, "soft-cap of attention logits"},
    {"final_logit_softcapping", 0, "soft-cap of output logits"},
    {"num_local_experts", 0, "mixture of experts"},
    {"num_experts", 0, "mixture of experts"},
    {"n_routed_experts", 0, "mixture of experts"},
    {"moe_intermediate_size", 0, "mixture of experts"},
    {"parallel_attn", 0, "parallel residual"},
    {"use_parallel_residual", 0, "parallel residual"},
    {"alibi", 0, "ALiBi position bias"},
    {"use_alibi", 0, "ALiBi position bias"},
    {"clip_qkv", 0, "clamped q, k and v"},
    {"use_bidirectional_attention", 0, "attention that is not causal"},
    {"attn_temperature_tuning", 0, "attention temperature by position"},
    {"embedding_multiplier", 1, "scaled embeddings"},
    {"scale_emb", 1, "scaled embeddings"},
    {"residual_multiplier", 1, "scaled residuals"},
    {"scale_depth", 1, "scaled residuals"},
    {"attention_multiplier", 0, "attention scale other than 1/sqrt(head width)"},
    {"query_pre_attn_scalar", 0, "attention scale other than 1/sqrt(head width)"},
    {"logits_scaling", 1, "scaled output logits"},
    {"logit_scale", 1, "scaled output logits"},
    {"kv_lora_rank", 0, "latent attention"},
    {"q_lora_rank", 0, "latent attention"},
    {"num_kv_shared_layers", 0, "keys and values shared between layers"},
    {"rope_local_base_freq", 0, "rope base of its own in some layers"},
    {"local_rope_theta", 0, "rope base of its own in some layers"},
    {"global_rope_theta", 0, "rope base of its own in some layers"},
    {"rope_interleaved", 0, "interleaved rotary positions"},
    {"qk_layernorm", 0, "norms of q and k"},
    {"use_qk_norm", 0, "norms of q and k"},
}};

std::string show(const Json& value) {
  return printable(value.dump(-1, ' ', true, Json::error_handler_t::replace), 60);
}

// The value of `key`, or null when it is missing or JSON null.
const Json* find(const Json& object, std::string_view key) {
  auto found = object.find(key);
  return found != object.end() && !found->is_null() ? &*found : nullptr;
}

tl::unexpected<Error> wrong_type(std::string_view key, std::string_view expected, const Json& found) {
  return fail(ErrorCode::kInvalidInput,
              "key '" + std::string(key) + "': expected " + std::string(expected) + ", found " + show(found));
}

// A number of any spelling: 32, 32.0.
Result<double> real(const Json& object, std::string_view key, std::optional<double> fallback) {
  const Json* value = find(object, key);
  if (value == nullptr && fallback) return *fallback;
  if (value == nullptr) return fail(ErrorCode::kInvalidInput, "key '" + std::string(key) + "' is missing");
  if (!value->is_number()) return wrong_type(key, "a number", *value);
  return value->get<double>();
}

Result<int64_t> integer(const Json& object, std::string_view key, std::optional<int64_t> fallback) {
  const Json* value = find(object, key);
  if (value == nullptr && fallback) return *fallback;
  auto number = real(object, key, std::nullopt);
  HW_RETURN_IF_ERROR(number);
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!(std::fabs(*number) <= kExact) || *number != std::floor(*number)) {
    return wrong_type(key, "a whole number", *value);
  }
  return static_cast<int64_t>(*number);
}

Result<bool> boolean(const Json& object, std::string_view key, bool fallback) {
  const Json* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return wrong_type(key, "true or false", *value);
  return value->get<bool>();
}

std::string text(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// Assigns a number to a field, or passes its error on.
template <typename T>
Status store(Result<T> value, T& into) {
  HW_RETURN_IF_ERROR(value);
  into = *value;
  return {};
}

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
  HW_RETURN_IF_ERROR(store(real(json, "rms_norm_eps", 1e-6), config.norm_epsilon));
  HW_RETURN_IF_ERROR(store(boolean(json, "tie_word_embeddings", false), config.tied_embeddings));

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
  // Some files name the context before scaling, some after; the longer of what they say and what scaling
  // gives.
  const double scaled = scaling.factor * static_cast<double>(scaling.original_context);
  if (scaled > static_cast<double>(config.context) && scaled < 1e9) config.context = std::llround(scaled);
  return {};
}

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

// Layers first..last whose attention is cut to a window, as "layers 3-17".
std::string describe_layers(const std::vector<int64_t>& layers) {
  std::string text = layers.size() == 1 ? "layer " : "layers ";
  for (size_t i = 0; i < layers.size(); ++i) {
    size_t last = i;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) ++last;
    if (i > 0) text += ",";
    text += std::to_string(layers[i]);
    if (last > i) text += "-" + std::to_string(layers[last]);
    i = last;
  }
  return text;
}

// The layers that a window applies to, were there one.
Result<std::vector<int64_t>> windowed_layers(const Json& json, const ModelFamily& family,
                                             ModelConfig& config) {
  std::vector<int64_t> layers;
  const Json* types = family.window == ModelFamily::Window::kByLayer ? find(json, "layer_types") : nullptr;
  if (types != nullptr) {
    if (!types->is_array() || static_cast<int64_t>(types->size()) != config.layers) {
      return wrong_type("layer_types", "an array of " + std::to_string(config.layers) + " strings", *types);
    }
    for (size_t i = 0; i < types->size(); ++i) {
      if ((*types)[i] == "full_attention") continue;
      if ((*types)[i] != "sliding_attention") {
        config.unsupported.push_back("layers of type " + show((*types)[i]) + " (config key layer_types)");
        return std::vector<int64_t>{};
      }
      layers.push_back(static_cast<int64_t>(i));
    }
    return layers;
  }
  int64_t first = 0;
  if (family.window == ModelFamily::Window::kByLayer) {
    HW_RETURN_IF_ERROR(store(integer(json, "max_window_layers", 28), first));
  }
  for (int64_t layer = std::max<int64_t>(first, 0); layer < config.layers; ++layer) layers.push_back(layer);
  return layers;
}

Status read_window(const Json& json, const ModelFamily& family, ModelConfig& config) {
  if (family.window == ModelFamily::Window::kIgnored) return {};
  if (family.window == ModelFamily::Window::kByLayer) {
    auto used = boolean(json, "use_sliding_window", false);
    HW_RETURN_IF_ERROR(used);
    if (!*used) return {};
  }
  // null: no window; missing: the class's default.
  if (json.contains("sliding_window") && find(json, "sliding_window") == nullptr) return {};
  auto window = integer(json, "sliding_window", 4096);
  HW_RETURN_IF_ERROR(window);
  if (*window >= config.context) return {};  // wider than any prompt
  auto layers = windowed_layers(json, family, config);
  HW_RETURN_IF_ERROR(layers);
  if (layers->empty()) return {};
  config.unsupported.push_back("sliding window of " + std::to_string(*window) + " tokens in " +
                               describe_layers(*layers) + " (config key sliding_window)");
  return {};
}

// True for null, false, numbers at their inert value and empty containers.
bool is_inert(const Json& value, double inert) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == inert;
  return value.is_null() || ((value.is_array() || value.is_object()) && value.empty());
}

void read_features(const Json& json, ModelConfig& config) {
  for (const Feature& feature : kFeatures) {
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
  const std::string activation =
      text(json, find(json, "hidden_act") != nullptr ? "hidden_act" : "hidden_activation");
  if (!activation.empty() && activation != "silu" && activation != "swish") {
    config.unsupported.push_back("activation " + printable(activation) + " (config key hidden_act)");
  }
  const std::string positions = text(json, "position_embedding_type");
  if (!positions.empty() && positions != "rope" && positions != "rotary") {
    config.unsupported.push_back("position embedding " + printable(positions) +
                                 " (config key position_embedding_type)");
  }
  // SmolLM3: 1 where a layer has rotary positions, 0 where it has none.
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
    if (read_dimensions(json, nullptr, described) && read_rope(json, described) && check_config(described)) {
      config = std::move(described);
      read_features(json, config);
    }
    return config;
  }

  HW_RETURN_IF_ERROR(read_dimensions(json, family, config));
  HW_RETURN_IF_ERROR(read_rope(json, config));
  auto attention_bias = boolean(json, "attention_bias", false);
  HW_RETURN_IF_ERROR(attention_bias);
  auto mlp_bias = boolean(json, "mlp_bias", false);
  HW_RETURN_IF_ERROR(mlp_bias);
  // Mistral's and Qwen2's classes read neither key.
  const bool reads_attention_bias = family->hf_model_type == "llama" || family->hf_model_type == "qwen3";
  config.qkv_bias = family->qkv_bias || (reads_attention_bias && *attention_bias);
  config.output_bias = reads_attention_bias && *attention_bias;
  config.mlp_bias = family->hf_model_type == "llama" && *mlp_bias;
  config.qk_norm = family->qk_norm;
  read_features(json, config);
  HW_RETURN_IF_ERROR(check_config(config));
  // After the check: it counts layers.
  HW_RETURN_IF_ERROR(read_window(json, *family, config));
  return config;
}

}  // namespace headwise
