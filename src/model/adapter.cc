// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/adapter.h"

#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "formats/json_text.h"
#include "formats/safetensors.h"
#include "kernels/dequantize.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kMaxRank = 4096;
constexpr size_t kMaxPattern = 200;

// Members of adapter_config.json that change the mathematics and that we do not do: any value but null,
// false, "none", an empty list or an empty object is refused by name.
constexpr const char* kRefused[] = {"use_dora",
                                    "modules_to_save",
                                    "bias",
                                    "fan_in_fan_out",
                                    "lora_bias",
                                    "layer_replication",
                                    "target_parameters",
                                    "use_qalora",
                                    "use_bdlora",
                                    "alora_invocation_tokens",
                                    "trainable_token_indices"};

bool says_nothing(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_string()) return value == "none";
  return (value.is_array() || value.is_object()) && value.empty();
}

tl::unexpected<Error> wrong_member(const char* key, const char* expected, const Json& found) {
  return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' should be " + expected + ", found " +
                                            (found.is_null() ? "nothing" : found.dump().substr(0, 60)));
}

bool is_rank(const Json& value) {
  return value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= kMaxRank;
}
bool is_alpha(const Json& value) { return value.is_number() && std::isfinite(value.get<double>()); }

template <typename T>
Status read_patterns(const Json& config, const char* key, bool (*valid)(const Json&), const char* expected,
                     std::vector<std::pair<std::string, T>>& patterns) {
  const Json* object = first_member(config, {key});
  if (object == nullptr) return {};
  if (!object->is_object()) return wrong_member(key, "an object", *object);
  for (const auto& [pattern, value] : object->items()) {
    if (!valid(value)) return wrong_member(key, expected, value);
    if (pattern.size() > kMaxPattern) {
      return fail(ErrorCode::kInvalidInput, "'" + std::string(key) + "' has a pattern of " +
                                                std::to_string(pattern.size()) + " characters; at most " +
                                                std::to_string(kMaxPattern) + " are read");
    }
    patterns.emplace_back(pattern, value.template get<T>());
  }
  return {};
}

// PEFT: re.match(rf"(.*\.)?({key})$", module), the first that matches.
template <typename T>
Result<T> by_pattern(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module,
                     T otherwise) {
  for (const auto& [pattern, value] : patterns) {
    try {
      if (std::regex_match(module, std::regex("(.*\\.)?(" + pattern + ")"))) return value;
    } catch (const std::regex_error& error) {
      return fail(ErrorCode::kInvalidInput,
                  "the pattern '" + pattern + "' is no regular expression: " + error.what());
    }
  }
  return otherwise;
}

// Which factor of which matrix a tensor of the file is.
struct FactorName {
  int64_t layer = 0;
  LayerTensor tensor = LayerTensor::kQuery;
  bool is_b = false;
  std::string module;
};

bool take_front(std::string_view& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text.remove_prefix(front.size());
  return true;
}

// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"; without the inner "model." where the
// adapter was trained on the model without its output layer.
std::optional<FactorName> factor_name(std::string_view name) {
  if (!take_front(name, "base_model.model.")) return std::nullopt;
  take_front(name, "model.");
  if (!take_front(name, "layers.")) return std::nullopt;
  FactorName factor;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), factor.layer);
  if (error != std::errc() || factor.layer < 0) return std::nullopt;
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  if (!take_front(name, ".")) return std::nullopt;
  for (const LayerTensorName& row : kLayerTensorNames) {
    std::string_view stem = row.hugging_face;
    if (!stem.ends_with("_proj.weight")) continue;
    stem.remove_suffix(std::string_view(".weight").size());
    std::string_view rest = name;
    if (!take_front(rest, stem)) continue;
    if (rest != ".lora_A.weight" && rest != ".lora_B.weight") return std::nullopt;
    factor.tensor = row.tensor;
    factor.is_b = rest == ".lora_B.weight";
    factor.module = "model.layers." + std::to_string(factor.layer) + "." + std::string(stem);
    return factor;
  }
  return std::nullopt;
}

// [out, in] of a matrix that LoRA may change.
std::pair<int64_t, int64_t> matrix_shape(LayerTensor tensor, const ModelConfig& model) {
  const int64_t queries = model.heads * model.head_width;
  const int64_t keys = model.kv_heads * model.head_width;
  switch (tensor) {
    case LayerTensor::kQuery:
      return {queries, model.width};
    case LayerTensor::kKey:
    case LayerTensor::kValue:
      return {keys, model.width};
    case LayerTensor::kOutput:
      return {model.width, queries};
    case LayerTensor::kDown:
      return {model.width, model.ffn_width};
    default:
      return {model.ffn_width, model.width};
  }
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

Result<std::vector<float>> factor_values(const TensorView& view, const std::vector<int64_t>& shape) {
  if (view.shape != shape) {
    return fail(ErrorCode::kInvalidInput, "tensor '" + view.name + "' should have shape " +
                                              shape_text(shape) + ", found " + shape_text(view.shape) +
                                              "; the adapter belongs to another model or rank");
  }
  std::vector<float> values(static_cast<size_t>(view.elements()));
  kernels::dequantize(view.dtype, view.data, view.elements(), values.data());
  for (const float value : values) {
    if (!std::isfinite(value)) {
      return fail(ErrorCode::kInvalidInput, "tensor '" + view.name + "' holds a value that is not finite");
    }
  }
  return values;
}

Result<Adapter> read_factors(const SafetensorsFile& file, const AdapterConfig& config,
                             const ModelConfig& model) {
  if (!file.unsupported_tensors().empty()) {
    const auto& tensor = file.unsupported_tensors().front();
    return fail(ErrorCode::kUnsupported, "tensor '" + tensor.name + "' is stored as " + tensor.dtype +
                                             "; adapters are read as F32, F16 or BF16");
  }
  std::map<std::pair<int64_t, LayerTensor>, AdapterMatrix> matrices;
  for (const TensorView& view : file.tensors()) {
    // The output layer gives words; scores come from attention, and it is not run.
    if (view.name.starts_with("base_model.model.lm_head.lora_")) continue;
    const auto name = factor_name(view.name);
    if (!name) {
      return fail(ErrorCode::kUnsupported,
                  "tensor '" + view.name +
                      "' is no LoRA factor of a projection (q, k, v, o, gate, up, down) of a layer");
    }
    if (name->layer >= model.layers) {
      return fail(ErrorCode::kInvalidInput, "tensor '" + view.name + "' is for layer " +
                                                std::to_string(name->layer) + "; the model has layers 0 to " +
                                                std::to_string(model.layers - 1));
    }
    const auto rank = config.rank_of(name->module);
    HW_RETURN_IF_ERROR(rank);
    const auto alpha = config.alpha_of(name->module);
    HW_RETURN_IF_ERROR(alpha);
    const auto [out, in] = matrix_shape(name->tensor, model);
    auto values =
        factor_values(view, name->is_b ? std::vector<int64_t>{out, *rank} : std::vector<int64_t>{*rank, in});
    HW_RETURN_IF_ERROR(values);
    AdapterMatrix& matrix = matrices[{name->layer, name->tensor}];
    matrix.layer = name->layer;
    matrix.tensor = name->tensor;
    matrix.rank = *rank;
    const auto r = static_cast<double>(*rank);
    matrix.scale = *alpha / (config.rank_stabilised ? std::sqrt(r) : r);
    std::vector<float>& factor = name->is_b ? matrix.b : matrix.a;
    if (!factor.empty()) {
      return fail(ErrorCode::kInvalidInput, "'" + name->module + "' has the same factor twice");
    }
    factor = std::move(*values);
  }
  Adapter adapter;
  for (auto& [place, matrix] : matrices) {
    if (matrix.a.empty() || matrix.b.empty()) {
      return fail(ErrorCode::kInvalidInput,
                  "layer " + std::to_string(matrix.layer) + " has " +
                      (matrix.a.empty() ? "lora_B without lora_A" : "lora_A without lora_B"));
    }
    adapter.matrices.push_back(std::move(matrix));
  }
  if (adapter.matrices.empty()) {
    return fail(ErrorCode::kInvalidInput, "adapter_model.safetensors changes no layer of the model");
  }
  return adapter;
}

}  // namespace

uint64_t Adapter::hash() const {
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto mix = [&](const void* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      hash ^= static_cast<const unsigned char*>(bytes)[i];
      hash *= 1099511628211ULL;
    }
  };
  for (const AdapterMatrix& matrix : matrices) {
    const int64_t place[] = {matrix.layer, static_cast<int64_t>(matrix.tensor), matrix.rank};
    mix(place, sizeof place);
    mix(&matrix.scale, sizeof matrix.scale);
    mix(matrix.a.data(), matrix.a.size() * sizeof(float));
    mix(matrix.b.data(), matrix.b.size() * sizeof(float));
  }
  return hash;
}

Result<int64_t> AdapterConfig::rank_of(const std::string& module) const {
  return by_pattern(rank_patterns, module, rank);
}

Result<double> AdapterConfig::alpha_of(const std::string& module) const {
  return by_pattern(alpha_patterns, module, alpha);
}

Result<AdapterConfig> parse_adapter_config(std::string_view text) {
  auto parsed = parse_json(text);
  HW_RETURN_IF_ERROR(parsed);
  const Json& json = *parsed;
  if (!json.is_object()) return fail(ErrorCode::kInvalidInput, "expected a JSON object");
  const auto member = [&](const char* key) {
    const Json* found = first_member(json, {key});
    return found == nullptr ? Json() : *found;
  };
  if (const Json type = member("peft_type"); type != "LORA") {
    if (!type.is_string()) return wrong_member("peft_type", "\"LORA\"", type);
    return fail(ErrorCode::kUnsupported, "the adapter is of PEFT type " + type.dump().substr(0, 60) +
                                             "; LORA is what this build merges");
  }
  for (const char* key : kRefused) {
    if (const Json value = member(key); !says_nothing(value)) {
      return fail(ErrorCode::kUnsupported, "the adapter uses '" + std::string(key) + "' (" +
                                               value.dump().substr(0, 60) +
                                               "), which this build does not merge");
    }
  }
  AdapterConfig config;
  if (const Json rank = member("r"); is_rank(rank)) {
    config.rank = rank.get<int64_t>();
  } else {
    return wrong_member("r", "a whole number from 1 to 4096", rank);
  }
  if (const Json alpha = member("lora_alpha"); is_alpha(alpha)) {
    config.alpha = alpha.get<double>();
  } else {
    return wrong_member("lora_alpha", "a number", alpha);
  }
  const Json stabilised = member("use_rslora");
  if (!stabilised.is_null() && !stabilised.is_boolean()) {
    return wrong_member("use_rslora", "true or false", stabilised);
  }
  config.rank_stabilised = stabilised.is_boolean() && stabilised.get<bool>();
  if (const Json base = member("base_model_name_or_path"); base.is_string())
    config.base_model = base.get<std::string>();
  HW_RETURN_IF_ERROR(read_patterns(json, "rank_pattern", is_rank, "whole numbers from 1 to 4096 by pattern",
                                   config.rank_patterns));
  HW_RETURN_IF_ERROR(
      read_patterns(json, "alpha_pattern", is_alpha, "numbers by pattern", config.alpha_patterns));
  return config;
}

namespace {

Result<AdapterConfig> config_of(std::string_view text) {
  auto config = parse_adapter_config(text);
  if (!config) return fail(std::move(config.error()).with_context("reading adapter_config.json"));
  return config;
}

}  // namespace

std::optional<std::pair<int64_t, LayerTensor>> adapted_matrix(std::string_view tensor_name) {
  const auto factor = factor_name(tensor_name);
  if (!factor) return std::nullopt;
  return std::pair(factor->layer, factor->tensor);
}

Result<Adapter> parse_adapter(const AdapterFiles& files, const ModelConfig& model) {
  const auto config = config_of(files.config);
  HW_RETURN_IF_ERROR(config);
  auto file = SafetensorsFile::parse(files.tensors);
  if (!file) return fail(std::move(file.error()).with_context("reading adapter_model.safetensors"));
  return read_factors(*file, *config, model);
}

Result<Adapter> read_adapter(const fs::path& folder, const ModelConfig& model) {
  const std::string doing = "loading adapter '" + folder.string() + "'";
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return fail(Error(ErrorCode::kNotFound,
                      "expected a folder with adapter_config.json and adapter_model.safetensors")
                    .with_context(doing));
  }
  auto text = read_text_file(folder / "adapter_config.json", size_t{1} << 20);
  if (!text) return fail(std::move(text.error()).with_context(doing));
  auto config = config_of(*text);
  if (!config) return fail(std::move(config.error()).with_context(doing));
  auto file = SafetensorsFile::open(folder / "adapter_model.safetensors");
  if (!file) return fail(std::move(file.error()).with_context(doing));
  auto adapter = read_factors(*file, *config, model);
  if (!adapter) return fail(std::move(adapter.error()).with_context(doing));
  return adapter;
}

}  // namespace headwise
