// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/adapter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/fnv.h"
#include "formats/safetensors.h"
#include "kernels/dequantize.h"
#include "model/adapter_config.h"
#include "model/families.h"

namespace headwise {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFront = "base_model.model.";

// Which factor of which matrix a tensor of the file is.
struct FactorName {
  AdaptedMatrix matrix;
  bool is_b = false;
  // As rank_pattern and alpha_pattern are matched: with what stands before the layer.
  std::string full_module() const {
    return "model.layers." + std::to_string(matrix.layer) + "." + std::string(matrix.module);
  }
};

// "q, k, v, o, gate, up, down".
std::string adaptable_words() {
  std::string words;
  for (const TensorRole& role : tensor_roles()) {
    if (role.adaptable) words += (words.empty() ? "" : ", ") + std::string(role.word);
  }
  return words;
}

bool take_front(std::string_view& text, std::string_view front) {
  if (!text.starts_with(front)) return false;
  text.remove_prefix(front.size());
  return true;
}

// "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight"; without the inner "model." where the
// adapter was trained on the model without its output layer.
std::optional<FactorName> factor_name(std::string_view name, TensorNames names) {
  if (!take_front(name, kFront)) return std::nullopt;
  take_front(name, "model.");
  if (!take_front(name, "layers.")) return std::nullopt;
  FactorName factor;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), factor.matrix.layer);
  if (error != std::errc() || factor.matrix.layer < 0) return std::nullopt;
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  if (!take_front(name, ".")) return std::nullopt;
  for (const TensorName& row : names) {
    const auto held = row.holds.tensors();
    if (held.size() != 1 || !role_of(held.front()).adaptable) continue;
    std::string_view rest = name;
    if (!take_front(rest, module_of(row))) continue;
    if (rest != ".lora_A.weight" && rest != ".lora_B.weight") return std::nullopt;
    factor.matrix.tensor = held.front();
    factor.matrix.module = module_of(row);
    factor.is_b = rest == ".lora_B.weight";
    return factor;
  }
  return std::nullopt;
}

// The module of a tensor's name that holds several projections in one; empty where it is none.
std::string fused_module(std::string_view name, TensorNames names) {
  for (const TensorName& row : names) {
    if (row.holds.tensors().size() < 2 || !role_of(row.holds.tensors().front()).adaptable) continue;
    std::string module(module_of(row));
    if (name.find("." + module + ".lora_") != std::string_view::npos) return module;
  }
  return "";
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

// A module that the file has factors of, in PEFT's words: "model.layers.3.self_attn.q_proj".
struct HeldModule {
  std::string name;
  int64_t layer;
};

std::vector<HeldModule> held_modules(const SafetensorsFile& file, TensorNames names) {
  std::vector<HeldModule> held;
  for (const TensorView& view : file.tensors()) {
    const auto factor = factor_name(view.name, names);
    if (!factor || factor->is_b) continue;
    const size_t end = view.name.rfind(".lora_");
    held.push_back({view.name.substr(kFront.size(), end - kFront.size()), factor->matrix.layer});
  }
  return held;
}

constexpr const char* kMendTargets =
    ": correct adapter_config.json, or save the adapter again with PEFT's save_pretrained";

// PEFT changes what the configuration names and the file holds, and passes over the rest without a word.
Status check_targets(const std::vector<HeldModule>& held, const AdapterTargets& targets,
                     const ModelConfig& model) {
  std::string first;
  size_t left_out = 0;
  for (const HeldModule& module : held) {
    const auto named = targets.include(module.name, module.layer);
    HW_RETURN_IF_ERROR(named);
    if (!*named && ++left_out == 1) first = module.name;
  }
  if (left_out > 0) {
    return fail(ErrorCode::kInvalidInput,
                "the adapter's file holds factors of " + std::to_string(held.size()) + " modules, and " +
                    std::to_string(left_out) + " of them, '" + first +
                    "' first, are none that its configuration changes ('target_modules', "
                    "'exclude_modules', 'layers_to_transform')" +
                    kMendTargets);
  }
  const ModelSpec spec = family_of(model).spec(model);
  // Names of modules that the model has not got do nothing in PEFT either: one list serves several models.
  for (const std::string& name : targets.included.names) {
    const auto is_held = [&](const HeldModule& module) { return names_module(name, module.name); };
    if (std::any_of(held.begin(), held.end(), is_held)) continue;
    for (const TensorName& row : family_of(model).names) {
      const auto tensors = row.holds.tensors();
      if (tensors.size() != 1 || !role_of(tensors.front()).adaptable) continue;
      for (int64_t layer = 0; layer < model.layers; ++layer) {
        if (!has_tensor(spec.layers[static_cast<size_t>(layer)], tensors.front())) continue;
        const std::string module =
            "model.layers." + std::to_string(layer) + "." + std::string(module_of(row));
        if (!names_module(name, module)) continue;
        const auto changed = targets.include(module, layer);
        HW_RETURN_IF_ERROR(changed);
        if (!*changed) continue;
        return fail(ErrorCode::kInvalidInput, "'target_modules' names '" + name +
                                                  "', and the adapter's file holds no factors of such a "
                                                  "module" +
                                                  kMendTargets);
      }
    }
  }
  return {};
}

Result<Adapter> read_factors(const SafetensorsFile& file, const AdapterConfig& config,
                             const ModelConfig& model) {
  if (!file.unsupported_tensors().empty()) {
    const auto& tensor = file.unsupported_tensors().front();
    return fail(ErrorCode::kUnsupported, "tensor '" + tensor.name + "' is stored as " + tensor.dtype +
                                             "; adapters are read as F32, F16 or BF16");
  }
  std::map<std::pair<int64_t, LayerTensor>, AdapterMatrix> matrices;
  const ModelSpec spec = family_of(model).spec(model);
  for (const TensorView& view : file.tensors()) {
    // The output layer gives words; scores come from attention, and it is not run.
    if (view.name.starts_with("base_model.model.lm_head.lora_")) continue;
    const auto name = factor_name(view.name, family_of(model).names);
    if (!name) {
      const std::string fused = fused_module(view.name, family_of(model).names);
      return fail(
          ErrorCode::kUnsupported,
          "tensor '" + view.name + "' is no LoRA factor of a projection (" + adaptable_words() +
              ") of a layer" +
              (fused.empty() ? ""
                             : "; " + fused +
                                   " is several of them in one, whose adapters are not read: "
                                   "train o_proj and down_proj alone, or merge the adapter into the model"));
    }
    const auto& [layer, tensor, module] = name->matrix;
    if (layer >= model.layers) {
      return fail(ErrorCode::kInvalidInput, "tensor '" + view.name + "' is for layer " +
                                                std::to_string(layer) + "; the model has layers 0 to " +
                                                std::to_string(model.layers - 1));
    }
    const auto rank = config.rank_of(name->full_module());
    HW_RETURN_IF_ERROR(rank);
    const auto alpha = config.alpha_of(name->full_module());
    HW_RETURN_IF_ERROR(alpha);
    if (!has_tensor(spec.layers[static_cast<size_t>(layer)], tensor)) {
      return fail(ErrorCode::kUnsupported, "tensor '" + view.name + "' is for a matrix that layer " +
                                               std::to_string(layer) +
                                               " of the model has not got: its MLP is a mixture of experts, "
                                               "whose adapters are not read");
    }
    const std::vector<int64_t> shape = shape_of(tensor, model);
    auto values = factor_values(
        view, name->is_b ? std::vector<int64_t>{shape[0], *rank} : std::vector<int64_t>{*rank, shape[1]});
    HW_RETURN_IF_ERROR(values);
    AdapterMatrix& matrix = matrices[{layer, tensor}];
    matrix.layer = layer;
    matrix.tensor = tensor;
    matrix.rank = *rank;
    const auto r = static_cast<double>(*rank);
    matrix.scale = *alpha / (config.rank_stabilised ? std::sqrt(r) : r);
    std::vector<float>& factor = name->is_b ? matrix.b : matrix.a;
    if (!factor.empty()) {
      return fail(ErrorCode::kInvalidInput, "'" + name->full_module() + "' has the same factor twice");
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
  HW_RETURN_IF_ERROR(check_targets(held_modules(file, family_of(model).names), config.targets, model));
  return adapter;
}

}  // namespace

uint64_t Adapter::hash() const {
  Fnv hash;
  for (const AdapterMatrix& matrix : matrices) {
    const int64_t place[] = {matrix.layer, static_cast<int64_t>(matrix.tensor), matrix.rank};
    hash.add(std::span<const int64_t>(place));
    hash.add_value(matrix.scale);
    hash.add(std::span<const float>(matrix.a));
    hash.add(std::span<const float>(matrix.b));
  }
  return hash.value();
}

namespace {

Result<AdapterConfig> config_of(std::string_view text) {
  auto config = parse_adapter_config(text);
  if (!config) return fail(std::move(config.error()).with_context("reading adapter_config.json"));
  return config;
}

}  // namespace

std::optional<AdaptedMatrix> adapted_matrix(std::string_view tensor_name) {
  for (const ModelFamily* family : model_families()) {
    if (const auto factor = factor_name(tensor_name, family->names)) return factor->matrix;
  }
  return std::nullopt;
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
