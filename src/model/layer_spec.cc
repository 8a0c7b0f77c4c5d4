// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/layer_spec.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "model/config_check.h"

namespace headwise {
namespace {

// A feature of a layer that the passes do not compute: its phrase where a layer asks for it, "" where not.
// When the passes learn one, its row goes.
using Feature = std::string (*)(const LayerSpec&, const ModelConfig&);

constexpr std::array<Feature, 9> kNotComputed{{
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.norm_before_attention && s.norm_before_mlp ? "" : "no norm before attention or the MLP";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.norm_after_attention ? "norms after attention" : "";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.norm_after_mlp ? "norms after the MLP" : "";
    },
    [](const LayerSpec& s, const ModelConfig& c) -> std::string {
      const double plain = 1.0 / std::sqrt(static_cast<double>(c.head_width));
      return s.query_scale == plain
                 ? ""
                 : "attention scale of " + show_number(s.query_scale) + ", other than 1/sqrt(head width)";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.soft_cap == 0.0 ? "" : "soft-cap of attention logits at " + show_number(s.soft_cap);
    },
    [](const LayerSpec& s, const ModelConfig& c) -> std::string {
      if (s.window == 0 || s.window >= c.context) return "";
      return "sliding window of " + std::to_string(s.window) + " tokens";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.rotary == 0 ? "" : s.rotary == kNoRotary ? "no rotary positions" : "a rotary table of its own";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.activation == Activation::kSilu ? "" : "activation GELU (tanh)";
    },
    [](const LayerSpec& s, const ModelConfig&) -> std::string {
      return s.residual_multiplier == 1.0 ? "" : "residuals scaled by " + show_number(s.residual_multiplier);
    },
}};

}  // namespace

ModelSpec plain_spec(const ModelConfig& config) {
  LayerSpec layer;
  layer.norm_epsilon = config.norm_epsilon;
  layer.qk_norm = config.qk_norm;
  layer.qkv_bias = config.qkv_bias;
  layer.output_bias = config.output_bias;
  layer.mlp_bias = config.mlp_bias;
  layer.query_scale = 1.0 / std::sqrt(static_cast<double>(config.head_width));
  ModelSpec spec;
  spec.layers.assign(static_cast<size_t>(config.layers), layer);
  spec.rotary.push_back({config.head_width, config.rope_theta, config.rope_scaling});
  return spec;
}

std::vector<std::string> not_computed(const ModelSpec& spec, const ModelConfig& config) {
  std::vector<std::string> phrases;
  if (spec.embedding_multiplier != 1.0) {
    phrases.push_back("embeddings scaled by " + show_number(spec.embedding_multiplier));
  }
  for (const RotarySpec& rotary : spec.rotary) {
    if (rotary.width == config.head_width) continue;
    phrases.push_back("rotary positions on " + std::to_string(rotary.width) + " of " +
                      std::to_string(config.head_width) + " dimensions");
  }
  for (const Feature feature : kNotComputed) {
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
