// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "model/tensor_roles.h"

#include <array>

#include "base/check.h"

namespace headwise {
namespace {

using Kind = TensorKind;
using Spec = LayerSpec;

template <bool Spec::*Member>
bool says(const Spec& layer) {
  return layer.*Member;
}
bool routed(const Spec& layer) { return layer.routed(); }
bool dense(const Spec& layer) { return !layer.routed(); }

constexpr std::array<TensorRole, kLayerTensors> kRoles{{
    {LayerTensor::kAttentionNorm, "", "C", Kind::kNorm, false, false, says<&Spec::norm_before_attention>},
    {LayerTensor::kQuery, "q", "HD C", Kind::kMatrix, true, true, nullptr, LayerTensor::kQueryBias},
    {LayerTensor::kKey, "k", "KD C", Kind::kMatrix, true, true, nullptr, LayerTensor::kKeyBias},
    {LayerTensor::kValue, "v", "KD C", Kind::kMatrix, true, false, nullptr, LayerTensor::kValueBias},
    {LayerTensor::kOutput, "o", "C HD", Kind::kMatrix, true, false, nullptr, LayerTensor::kOutputBias},
    {LayerTensor::kQueryBias, "", "HD", Kind::kBias, false, true, says<&Spec::qkv_bias>},
    {LayerTensor::kKeyBias, "", "KD", Kind::kBias, false, true, says<&Spec::qkv_bias>},
    {LayerTensor::kValueBias, "", "KD", Kind::kBias, false, false, says<&Spec::qkv_bias>},
    {LayerTensor::kOutputBias, "", "C", Kind::kBias, false, false, says<&Spec::output_bias>},
    {LayerTensor::kQueryNorm, "", "D", Kind::kNorm, false, false, says<&Spec::qk_norm>},
    {LayerTensor::kKeyNorm, "", "D", Kind::kNorm, false, false, says<&Spec::qk_norm>},
    {LayerTensor::kFfnNorm, "", "C", Kind::kNorm, false, false, says<&Spec::norm_before_mlp>},
    {LayerTensor::kGate, "gate", "F C", Kind::kMatrix, true, false, dense, LayerTensor::kGateBias},
    {LayerTensor::kUp, "up", "F C", Kind::kMatrix, true, false, dense, LayerTensor::kUpBias},
    {LayerTensor::kDown, "down", "C F", Kind::kMatrix, true, false, dense, LayerTensor::kDownBias},
    {LayerTensor::kGateBias, "", "F", Kind::kBias, false, false, says<&Spec::mlp_bias>},
    {LayerTensor::kUpBias, "", "F", Kind::kBias, false, false, says<&Spec::mlp_bias>},
    {LayerTensor::kDownBias, "", "C", Kind::kBias, false, false, says<&Spec::mlp_bias>},
    {LayerTensor::kAttentionPostNorm, "", "C", Kind::kNorm, false, false, says<&Spec::norm_after_attention>},
    {LayerTensor::kFfnPostNorm, "", "C", Kind::kNorm, false, false, says<&Spec::norm_after_mlp>},
    {LayerTensor::kQueryWideNorm, "", "HD", Kind::kNorm, false, true, says<&Spec::wide_qk_norm>},
    {LayerTensor::kKeyWideNorm, "", "KD", Kind::kNorm, false, true, says<&Spec::wide_qk_norm>},
    {LayerTensor::kRouter, "", "E C", Kind::kMatrix, false, false, routed},
    {LayerTensor::kExpertGate, "", "E M C", Kind::kMatrix, false, false, routed},
    {LayerTensor::kExpertUp, "", "E M C", Kind::kMatrix, false, false, routed},
    {LayerTensor::kExpertDown, "", "E C M", Kind::kMatrix, false, false, routed},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kRoles.size(); ++i) {
    if (static_cast<size_t>(kRoles[i].tensor) != i) return false;
  }
  return true;
}
static_assert(in_order());

int64_t extent_of(char letter, const ModelConfig& config) {
  switch (letter) {
    case 'C':
      return config.width;
    case 'E':
      return config.experts;
    case 'M':
      return config.expert_width;
    case 'D':
      return config.head_width;
    case 'F':
      return config.ffn_width;
    case 'H':
      return config.heads;
    case 'K':
      return config.kv_heads;
    case 'V':
      return config.vocabulary;
    default:
      HW_CHECK(false && "a dimension letter");
      return 0;
  }
}

template <typename Counts>
int64_t sum_values(const LayerSpec& layer, const ModelConfig& config, const Counts& counts) {
  int64_t sum = 0;
  for (const TensorRole& role : kRoles) {
    if (has_tensor(layer, role.tensor) && counts(role)) sum += values_in(role.tensor, config);
  }
  return sum;
}

}  // namespace

std::span<const TensorRole> tensor_roles() { return kRoles; }

const TensorRole& role_of(LayerTensor tensor) { return kRoles[static_cast<size_t>(tensor)]; }

LayerTensor bias_of(LayerTensor matrix) {
  const std::optional<LayerTensor> bias = role_of(matrix).bias;
  HW_CHECK(bias.has_value());
  return *bias;
}

bool has_tensor(const LayerSpec& layer, LayerTensor tensor) {
  const auto when = role_of(tensor).when;
  return when == nullptr || when(layer);
}

bool is_by_expert(LayerTensor tensor) {
  return role_of(tensor).shape.starts_with("E ") && tensor != LayerTensor::kRouter;
}

std::vector<int64_t> shape_of(std::string_view letters, const ModelConfig& config) {
  std::vector<int64_t> shape{1};
  for (const char letter : letters) {
    if (letter == ' ') {
      shape.push_back(1);
    } else {
      shape.back() *= extent_of(letter, config);
    }
  }
  return shape;
}

std::vector<int64_t> shape_of(LayerTensor tensor, const ModelConfig& config) {
  return shape_of(role_of(tensor).shape, config);
}

int64_t values_in(std::string_view letters, const ModelConfig& config) {
  int64_t values = 1;
  for (const int64_t extent : shape_of(letters, config)) values *= extent;
  return values;
}

int64_t values_in(LayerTensor tensor, const ModelConfig& config) {
  return values_in(role_of(tensor).shape, config);
}

int64_t layer_values(const LayerSpec& layer, const ModelConfig& config) {
  return sum_values(layer, config, [](const TensorRole&) { return true; });
}

int64_t matrix_values(const LayerSpec& layer, const ModelConfig& config) {
  return sum_values(layer, config, [](const TensorRole& role) { return role.kind == TensorKind::kMatrix; });
}

int64_t met_values(const LayerSpec& layer, const ModelConfig& config) {
  const int64_t of_experts =
      sum_values(layer, config, [](const TensorRole& role) { return is_by_expert(role.tensor); });
  const int64_t met = layer.routed() ? of_experts / layer.experts * layer.experts_used : 0;
  return matrix_values(layer, config) - of_experts + met;
}

}  // namespace headwise
