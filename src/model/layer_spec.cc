// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/layer_spec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "model/config_check.h"

namespace headwise {
namespace {

// A feature of a layer that the training graph has not: its phrase where a layer asks for it, "" where not.
// When the graph learns one, its row goes.
using Feature = std::string (*)(const LayerSpec&, const ModelConfig&);

constexpr std::array<Feature, 3> kNotTrained{{
    [](const LayerSpec& s, const ModelConfig& c) -> std::string {
      if (s.window == 0 || s.window >= c.context) return "";
      return "sliding window of " + std::to_string(s.window) + " tokens";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.soft_cap == 0.0 ? "" : "soft-cap of attention logits at " + show_number(s.soft_cap);
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.routed() ? "mixture of " + std::to_string(s.experts) + " experts" : "";
    },
}};

}  // namespace

ModelSpec plain_spec(const ModelConfig& config) {
  LayerSpec layer;
  layer.norm_epsilon = config.norm_epsilon;
  layer.norm_weight_offset = config.norm_weight_offset;
  layer.qk_norm = config.qk_norm;
  layer.qkv_bias = config.qkv_bias;
  layer.output_bias = config.output_bias;
  layer.mlp_bias = config.mlp_bias;
  layer.query_scale = config.query_scale != 0.0 ? config.query_scale
                                                : 1.0 / std::sqrt(static_cast<double>(config.head_width));
  layer.soft_cap = config.soft_cap;
  layer.residual_multiplier = config.residual_multiplier;
  ModelSpec spec;
  spec.embedding_multiplier = config.embedding_multiplier;
  spec.layers.assign(static_cast<size_t>(config.layers), layer);
  const int64_t turned = config.rotary_width != 0 ? config.rotary_width : config.head_width;
  spec.rotary.push_back({turned, config.rope_theta, config.rope_scaling});
  const bool own_base = config.window_rope_theta != 0.0;
  if (own_base) spec.rotary.push_back({turned, config.window_rope_theta, {}});
  for (size_t i = 0; i < config.windows.size() && i < spec.layers.size(); ++i) {
    spec.layers[i].window = config.windows[i];
    if (own_base && config.windows[i] != 0) spec.layers[i].rotary = 1;
  }
  const std::vector<int64_t>& dense = config.layers_without_experts;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (std::binary_search(dense.begin(), dense.end(), static_cast<int64_t>(i))) continue;
    spec.layers[i].experts = config.experts;
    spec.layers[i].experts_used = config.experts_used;
    spec.layers[i].shares_of_used = config.shares_of_used;
  }
  for (const int64_t i : config.layers_without_rotary) {
    if (i < config.layers) spec.layers[static_cast<size_t>(i)].rotary = kNoRotary;
  }
  return spec;
}

std::vector<std::string> not_trained(const ModelSpec& spec, const ModelConfig& config) {
  std::vector<std::string> phrases;
  for (const RotarySpec& rotary : spec.rotary) {
    if (rotary.scaling.kind == RopeScaling::Kind::kLongrope) phrases.emplace_back("longrope positions");
  }
  for (const Feature feature : kNotTrained) {
    std::map<std::string, std::vector<int64_t>> layers_of;
    for (size_t layer = 0; layer < spec.layers.size(); ++layer) {
      const std::string phrase = feature(spec.layers[layer], config);
      if (!phrase.empty()) layers_of[phrase].push_back(static_cast<int64_t>(layer));
    }
    for (const auto& [phrase, layers] : layers_of) phrases.push_back(phrase + " in " + layers_text(layers));
  }
  return phrases;
}

std::string layers_text(const std::vector<int64_t>& layers) {
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

}  // namespace headwise
