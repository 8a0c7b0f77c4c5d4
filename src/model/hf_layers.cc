// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/hf_layers.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "model/config_check.h"

namespace headwise::hf {
namespace {

using Window = ModelFamily::Window;

// SmolLM3: 1 where a layer has rotary positions, 0 where it has none.
Status read_layers_without_rotary(const Json& json, const ModelFamily& family, ModelConfig& config) {
  if (family.no_rotary_interval == 0) return {};
  const Json* listed = find(json, "no_rope_layers");
  if (listed == nullptr) {
    int64_t interval = 0;
    HW_RETURN_IF_ERROR(store(integer(json, "no_rope_layer_interval", family.no_rotary_interval), interval));
    if (interval < 1) return wrong_type("no_rope_layer_interval", "a number above 0", Json(interval));
    for (int64_t layer = interval - 1; layer < config.layers; layer += interval) {
      config.layers_without_rotary.push_back(layer);
    }
    return {};
  }
  const bool whole = listed->is_array() && static_cast<int64_t>(listed->size()) == config.layers;
  const auto is_flag = [](const Json& value) {
    return value.is_number_unsigned() && value.get<uint64_t>() <= 1;
  };
  if (!whole || !std::all_of(listed->begin(), listed->end(), is_flag)) {
    return wrong_type("no_rope_layers", "an array of " + std::to_string(config.layers) + " times 0 or 1",
                      *listed);
  }
  for (size_t i = 0; i < listed->size(); ++i) {
    if ((*listed)[i] == 0) config.layers_without_rotary.push_back(static_cast<int64_t>(i));
  }
  return {};
}

// Qwen3-MoE: every decoder_sparse_step-th layer has experts, those of mlp_only_layers excepted.
Status read_layers_without_experts(const Json& json, ModelConfig& config) {
  if (config.experts == 0) return {};
  int64_t step = 0;
  HW_RETURN_IF_ERROR(store(integer(json, "decoder_sparse_step", 1), step));
  if (step < 1) return wrong_type("decoder_sparse_step", "a number above 0", Json(step));
  std::set<int64_t> dense;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    if ((layer + 1) % step != 0) dense.insert(layer);
  }
  if (const Json* listed = find(json, "mlp_only_layers"); listed != nullptr) {
    if (!listed->is_array()) return wrong_type("mlp_only_layers", "an array of numbers", *listed);
    for (const Json& layer : *listed) {
      if (!layer.is_number_integer()) return wrong_type("mlp_only_layers", "an array of numbers", *listed);
      const auto index = layer.get<int64_t>();
      if (index >= 0 && index < config.layers) dense.insert(index);
    }
  }
  config.layers_without_experts.assign(dense.begin(), dense.end());
  return {};
}

// Whether a window that is there is every layer's.
bool everywhere(const ModelFamily& family) {
  return family.window == Window::kAllLayers || family.window == Window::kIfUsed;
}

// Which layers have a window by the rule that holds where layer_types is silent.
Result<std::vector<bool>> windowed_by_rule(const Json& json, const ModelFamily& family,
                                           const ModelConfig& config) {
  std::vector<bool> windowed(static_cast<size_t>(config.layers), everywhere(family));
  if (family.window == Window::kByLayer) {
    int64_t first = 0;
    HW_RETURN_IF_ERROR(store(integer(json, "max_window_layers", 28), first));
    for (int64_t i = std::max<int64_t>(first, 0); i < config.layers; ++i) {
      windowed[static_cast<size_t>(i)] = true;
    }
  } else if (family.window == Window::kWithoutRotary) {
    for (const int64_t i : config.layers_without_rotary) windowed[static_cast<size_t>(i)] = true;
  } else if (family.window == Window::kPattern) {
    int64_t pattern = 0;
    HW_RETURN_IF_ERROR(store(integer(json, "sliding_window_pattern", family.window_pattern), pattern));
    if (pattern < 1) return wrong_type("sliding_window_pattern", "a number above 0", Json(pattern));
    for (int64_t i = 0; i < config.layers; ++i) windowed[static_cast<size_t>(i)] = (i + 1) % pattern != 0;
  }
  return windowed;
}

Result<std::vector<bool>> windowed_layers(const Json& json, const ModelFamily& family, ModelConfig& config) {
  const Json* types = everywhere(family) ? nullptr : find(json, "layer_types");
  if (types == nullptr) return windowed_by_rule(json, family, config);
  if (!types->is_array() || static_cast<int64_t>(types->size()) != config.layers) {
    return wrong_type("layer_types", "an array of " + std::to_string(config.layers) + " strings", *types);
  }
  std::vector<bool> windowed;
  for (const Json& type : *types) {
    windowed.push_back(type == "sliding_attention");
    if (windowed.back() || type == "full_attention") continue;
    config.unsupported.push_back("layers of type " + show(type) + " (config key layer_types)");
    return std::vector<bool>();
  }
  return windowed;
}

Status read_windows(const Json& json, const ModelFamily& family, ModelConfig& config) {
  if (family.window == Window::kIgnored) return {};
  if (family.window == Window::kByLayer || family.window == Window::kWithoutRotary ||
      family.window == Window::kIfUsed) {
    auto used = boolean(json, "use_sliding_window", false);
    HW_RETURN_IF_ERROR(used);
    if (!*used) return {};
  }
  // null: no window; missing: the class's default. Layers of the other kind are told apart without one too:
  // their rotary base may be another.
  const bool is_null = json.contains("sliding_window") && find(json, "sliding_window") == nullptr;
  auto window = integer(json, "sliding_window", is_null ? 0 : family.default_window);
  HW_RETURN_IF_ERROR(window);
  if (*window < 0) return wrong_type("sliding_window", "a number above 0 or null", Json(*window));
  if (*window == 0 && family.window != Window::kPattern) return {};
  auto windowed = windowed_layers(json, family, config);
  HW_RETURN_IF_ERROR(windowed);
  if (std::find(windowed->begin(), windowed->end(), true) == windowed->end()) return {};
  for (const bool has : *windowed) {
    config.windows.push_back(!has ? 0 : *window == 0 ? config.context : *window);
  }
  return {};
}

}  // namespace

Status read_layers(const Json& json, const ModelFamily& family, ModelConfig& config) {
  HW_RETURN_IF_ERROR(read_layers_without_rotary(json, family, config));
  HW_RETURN_IF_ERROR(read_layers_without_experts(json, config));
  return read_windows(json, family, config);
}

}  // namespace headwise::hf
