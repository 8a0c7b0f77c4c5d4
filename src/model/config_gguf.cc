// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// GGUF metadata to ModelConfig. Keys are named "<architecture>.<suffix>" (gguf-py's constants.py). How
// llama.cpp computes yarn, and so what its keys mean here:
//   rope.scaling.type "yarn"            kind
//   rope.scaling.factor                 factor (absent or 0: 1)
//   rope.scaling.original_context_length  original_context (absent: context_length)
//   rope.scaling.attn_factor or yarn_attn_factor   multiplies 0.1 ln(factor) + 1 to give attention_factor
//   rope.scaling.yarn_beta_fast, yarn_beta_slow    beta_fast, beta_slow (absent: 32, 1)
//   the ramp's ends are always rounded             truncate = true
// Llama-3 scaling has no key: the file holds a tensor, rope_freqs.weight, of frequency divisors.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "formats/printable.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/families.h"

namespace headwise {
namespace {

// Keys that change the forward pass, with the value at which they do not.
struct Feature {
  std::string_view suffix;
  double inert;
  std::string_view phrase;
};
constexpr std::array<Feature, 20> kFeatures{{
    {"attn_logit_softcapping", 0, "soft-cap of attention logits"},
    {"final_logit_softcapping", 0, "soft-cap of output logits"},
    {"expert_count", 0, "mixture of experts"},
    {"expert_used_count", 0, "mixture of experts"},
    {"use_parallel_residual", 0, "parallel residual"},
    {"attention.max_alibi_bias", 0, "ALiBi position bias"},
    {"attention.clamp_kqv", 0, "clamped q, k and v"},
    {"attention.causal", 1, "attention that is not causal"},
    {"attention.scale", 0, "attention scale other than 1/sqrt(head width)"},
    {"attention.output_scale", 0, "scaled attention output"},
    {"attention.temperature_length", 0, "attention temperature by position"},
    {"attention.temperature_scale", 0, "attention temperature by position"},
    {"attention.shared_kv_layers", 0, "keys and values shared between layers"},
    {"attention.kv_lora_rank", 0, "latent attention"},
    {"rope.freq_base_swa", 0, "rope base of its own in some layers"},
    {"rope.scaling.alpha", 0, "dynamic rope scaling"},
    {"rope.scaling.yarn_log_multiplier", 0, "yarn with a log multiplier"},
    {"embedding_scale", 1, "scaled embeddings"},
    {"residual_scale", 1, "scaled residuals"},
    {"logit_scale", 1, "scaled output logits"},
}};

class Reader {
 public:
  explicit Reader(const GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  std::string key(std::string_view suffix) const { return architecture_ + "." + std::string(suffix); }

  // The integer of `suffix`, or `fallback` when the key is not there; an error when it is of another type.
  Result<int64_t> integer(std::string_view suffix, std::optional<int64_t> fallback) const {
    const std::string name = key(suffix);
    if (const auto value = file_.integer(name)) return *value;
    if (file_.find(name) != nullptr)
      return fail(ErrorCode::kInvalidInput, "key " + printable(name) + " is no integer");
    if (fallback) return *fallback;
    return fail(ErrorCode::kInvalidInput, "key " + printable(name) + " is missing");
  }

  Result<double> real(std::string_view suffix, std::optional<double> fallback) const {
    const std::string name = key(suffix);
    if (const auto value = file_.real(name)) return *value;
    if (file_.find(name) != nullptr)
      return fail(ErrorCode::kInvalidInput, "key " + printable(name) + " is no number");
    if (fallback) return *fallback;
    return fail(ErrorCode::kInvalidInput, "key " + printable(name) + " is missing");
  }

  // As `integer`, for keys that may also hold one value per layer: equal values count as one, others are a
  // feature.
  Result<int64_t> per_layer(std::string_view suffix, std::optional<int64_t> fallback,
                            ModelConfig& config) const {
    const std::vector<int64_t>* values = file_.integers(key(suffix));
    if (values == nullptr) return integer(suffix, fallback);
    if (values->empty())
      return fail(ErrorCode::kInvalidInput, "key " + printable(key(suffix)) + " is an empty array");
    for (int64_t value : *values) {
      if (value == values->front()) continue;
      config.unsupported.push_back("another value in every layer (key " + key(suffix) + ")");
      break;
    }
    return values->front();
  }

 private:
  const GgufFile& file_;
  std::string architecture_;
};

bool has_tensor(const GgufFile& file, std::string_view name) {
  if (file.find_tensor(name) != nullptr) return true;
  return std::any_of(file.unsupported_tensors().begin(), file.unsupported_tensors().end(),
                     [&](const GgufUnsupportedTensor& tensor) { return tensor.name == name; });
}

Status read_dimensions(const GgufFile& file, const Reader& reader, ModelConfig& config) {
  const auto store = [](Result<int64_t> value, int64_t& into) -> Status {
    HW_RETURN_IF_ERROR(value);
    into = *value;
    return {};
  };
  HW_RETURN_IF_ERROR(store(reader.integer("block_count", std::nullopt), config.layers));
  HW_RETURN_IF_ERROR(store(reader.integer("embedding_length", std::nullopt), config.width));
  HW_RETURN_IF_ERROR(store(reader.integer("context_length", std::nullopt), config.context));
  HW_RETURN_IF_ERROR(store(reader.per_layer("feed_forward_length", std::nullopt, config), config.ffn_width));
  HW_RETURN_IF_ERROR(store(reader.per_layer("attention.head_count", std::nullopt, config), config.heads));
  HW_RETURN_IF_ERROR(
      store(reader.per_layer("attention.head_count_kv", config.heads, config), config.kv_heads));
  const std::vector<std::string>* tokens = file.texts("tokenizer.ggml.tokens");
  const TensorView* embedding = file.find_tensor("token_embd.weight");
  std::optional<int64_t> vocabulary;
  if (tokens != nullptr) vocabulary = static_cast<int64_t>(tokens->size());
  if (!vocabulary && embedding != nullptr) vocabulary = embedding->shape.front();
  HW_RETURN_IF_ERROR(store(reader.integer("vocab_size", vocabulary), config.vocabulary));

  auto head_width = reader.integer("attention.key_length", -1);
  HW_RETURN_IF_ERROR(head_width);
  if (*head_width == -1) {
    if (config.heads < 1 || config.width < 1 || config.width % config.heads != 0) {
      return fail(ErrorCode::kInvalidInput, std::to_string(config.heads) +
                                                " heads do not divide the width of " +
                                                std::to_string(config.width) + ", and there is no key " +
                                                printable(reader.key("attention.key_length")));
    }
    head_width = config.width / config.heads;
  }
  config.head_width = *head_width;
  auto value_width = reader.integer("attention.value_length", config.head_width);
  HW_RETURN_IF_ERROR(value_width);
  if (*value_width != config.head_width) {
    config.unsupported.push_back("values of width " + std::to_string(*value_width) +
                                 " beside keys of width " + std::to_string(config.head_width) + " (key " +
                                 reader.key("attention.value_length") + ")");
  }
  auto epsilon = reader.real("attention.layer_norm_rms_epsilon", std::nullopt);
  HW_RETURN_IF_ERROR(epsilon);
  config.norm_epsilon = *epsilon;
  return {};
}

// Llama-3 files: divisors in a tensor.
Status read_frequency_divisors(const GgufFile& file, ModelConfig& config) {
  const TensorView* divisors = file.find_tensor("rope_freqs.weight");
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
  std::vector<float>& values = config.rope_scaling.frequency_divisors;
  // Never more than the file holds: the reader has checked the tensor's bytes.
  values.resize(divisors->bytes / sizeof(float));
  std::memcpy(values.data(), divisors->data, divisors->bytes);
  return {};
}

Status read_rope(const GgufFile& file, const Reader& reader, ModelConfig& config) {
  auto theta = reader.real("rope.freq_base", 10000.0);
  HW_RETURN_IF_ERROR(theta);
  config.rope_theta = *theta;
  auto rotary = reader.integer("rope.dimension_count", config.head_width);
  HW_RETURN_IF_ERROR(rotary);
  if (*rotary != config.head_width) {
    config.unsupported.push_back("rotary positions on " + std::to_string(*rotary) + " of " +
                                 std::to_string(config.head_width) + " dimensions (key " +
                                 reader.key("rope.dimension_count") + ")");
  }
  if (file.find(reader.key("rope.dimension_sections")) != nullptr) {
    config.unsupported.push_back("rotary positions in sections (key " +
                                 reader.key("rope.dimension_sections") + ")");
  }
  for (std::string_view name : {"rope_factors_long.weight", "rope_factors_short.weight"}) {
    if (has_tensor(file, name))
      config.unsupported.push_back("longrope scaling (tensor " + std::string(name) + ")");
  }

  RopeScaling& scaling = config.rope_scaling;
  // "rope.scale_linear" is the spelling of files from 2023.
  auto legacy = reader.real("rope.scale_linear", 0.0);
  HW_RETURN_IF_ERROR(legacy);
  auto factor = reader.real("rope.scaling.factor", *legacy);
  HW_RETURN_IF_ERROR(factor);
  scaling.factor = *factor == 0.0 ? 1.0 : *factor;
  const std::string* type = file.text(reader.key("rope.scaling.type"));
  // llama.cpp takes a factor without a type as linear.
  const std::string kind = type != nullptr ? *type : "linear";
  if (kind == "none") {
    scaling.factor = 1.0;
  } else if (kind == "linear") {
    if (scaling.factor != 1.0) scaling.kind = RopeScaling::Kind::kLinear;
  } else if (kind == "yarn") {
    scaling.kind = RopeScaling::Kind::kYarn;
    auto original = reader.integer("rope.scaling.original_context_length", config.context);
    HW_RETURN_IF_ERROR(original);
    scaling.original_context = *original;
    auto beta_fast = reader.real("rope.scaling.yarn_beta_fast", 32.0);
    HW_RETURN_IF_ERROR(beta_fast);
    auto beta_slow = reader.real("rope.scaling.yarn_beta_slow", 1.0);
    HW_RETURN_IF_ERROR(beta_slow);
    scaling.beta_fast = *beta_fast;
    scaling.beta_slow = *beta_slow;
    auto external = reader.real("rope.scaling.yarn_ext_factor", 1.0);
    HW_RETURN_IF_ERROR(external);
    if (*external != 1.0 && *external != -1.0) {  // -1: "the default" in llama.cpp
      config.unsupported.push_back("yarn extrapolation factor " + show_number(*external) + " (key " +
                                   reader.key("rope.scaling.yarn_ext_factor") + ")");
    }
    auto attention = reader.real("rope.scaling.attn_factor", 1.0);
    HW_RETURN_IF_ERROR(attention);
    auto yarn_attention = reader.real("rope.scaling.yarn_attn_factor", *attention);
    HW_RETURN_IF_ERROR(yarn_attention);
    scaling.attention_factor =
        (*yarn_attention == -1.0 ? 1.0 : *yarn_attention) * default_yarn_attention_factor(scaling);
    const double scaled = scaling.factor * static_cast<double>(scaling.original_context);
    if (scaled > static_cast<double>(config.context) && scaled < 1e9) config.context = std::llround(scaled);
  } else {
    config.unsupported.push_back("rope scaling of type " + printable(kind) + " (key " +
                                 reader.key("rope.scaling.type") + ")");
  }
  return read_frequency_divisors(file, config);
}

void read_features(const GgufFile& file, const Reader& reader, ModelConfig& config) {
  for (const Feature& feature : kFeatures) {
    const std::string key = reader.key(feature.suffix);
    if (file.find(key) == nullptr) continue;
    const std::optional<bool> flag = file.boolean(key);
    const std::optional<double> number = flag ? std::optional(*flag ? 1.0 : 0.0) : file.real(key);
    if (number && *number == feature.inert) continue;
    // Zero means "not used" for the scales too.
    if (number && *number == 0.0 && feature.inert == 1.0 && !flag) continue;
    if (number && feature.suffix == "attention.scale" &&
        std::fabs(*number * std::sqrt(static_cast<double>(config.head_width)) - 1.0) < 1e-6) {
      continue;
    }
    config.unsupported.push_back(std::string(feature.phrase) + " (key " + key +
                                 (number ? " = " + show_number(*number) : "") + ")");
  }
  const std::string window_key = reader.key("attention.sliding_window");
  if (file.find(window_key) != nullptr) {
    const int64_t window = file.integer(window_key).value_or(1);
    if (window != 0 && window < config.context) {
      config.unsupported.push_back("sliding window of " + std::to_string(window) + " tokens (key " +
                                   window_key + ")");
    }
  }
}

// What the file's tensors say and its keys do not.
void read_tensor_features(const GgufFile& file, const ModelFamily& family, ModelConfig& config) {
  config.qkv_bias = family.qkv_bias || has_tensor(file, "blk.0.attn_q.bias");
  config.output_bias = has_tensor(file, "blk.0.attn_output.bias");
  config.mlp_bias = has_tensor(file, "blk.0.ffn_down.bias");
  config.tied_embeddings = !has_tensor(file, "output.weight");
  for (const auto& [name, phrase] : {std::pair{"blk.0.attn_q_norm.weight", "norms of q and k"},
                                     {"blk.0.post_attention_norm.weight", "norms after attention"},
                                     {"blk.0.attn_sub_norm.weight", "norms inside attention"},
                                     {"blk.0.attn_qkv.weight", "q, k and v in one tensor"},
                                     {"blk.0.attn_sinks.weight", "attention sinks"},
                                     {"blk.0.ffn_gate_inp.weight", "mixture of experts"}}) {
    if (family.qk_norm && std::string_view(name).find("_q_norm") != std::string_view::npos) continue;
    if (has_tensor(file, name)) config.unsupported.push_back(std::string(phrase) + " (tensor " + name + ")");
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
  const Reader reader(file, *architecture);
  const ModelFamily* family = find_gguf_family(*architecture);
  if (family == nullptr) {
    config.unsupported.push_back("architecture " + printable(*architecture) +
                                 " (supported: " + supported_architectures() + ")");
    // What can be told about it is told; nothing of it will be computed.
    ModelConfig described = config;
    if (Status read = read_dimensions(file, reader, described); read && check_config(described)) {
      config = std::move(described);
      read_features(file, reader, config);
    }
    return config;
  }
  HW_RETURN_IF_ERROR(read_dimensions(file, reader, config));
  HW_RETURN_IF_ERROR(read_rope(file, reader, config));
  read_features(file, reader, config);
  read_tensor_features(file, *family, config);
  config.qk_norm = family->qk_norm;
  config.permuted_qk = family->gguf_permuted_qk;
  HW_RETURN_IF_ERROR(check_config(config));
  return config;
}

}  // namespace headwise
