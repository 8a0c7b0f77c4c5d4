// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// From a model's shape to what its layers compute, and what is named when it cannot be trained.
#include "model/layer_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/tensor_roles.h"

namespace headwise {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ModelConfig small() {
  ModelConfig config;
  config.layers = 4;
  config.heads = 6;
  config.kv_heads = 2;
  config.head_width = 8;
  config.width = 40;
  config.ffn_width = 96;
  config.vocabulary = 320;
  config.context = 512;
  config.norm_epsilon = 1e-6;
  config.rope_theta = 5000.0;
  return config;
}

TEST(LayerSpec, PlainIsLlamasPassInEveryLayer) {
  const ModelSpec spec = plain_spec(small());
  ASSERT_EQ(spec.layers.size(), 4u);
  for (const LayerSpec& layer : spec.layers) {
    EXPECT_TRUE(layer.norm_before_attention && layer.norm_before_mlp);
    EXPECT_FALSE(layer.norm_after_attention || layer.norm_after_mlp || layer.qk_norm);
    EXPECT_FALSE(layer.qkv_bias || layer.output_bias || layer.mlp_bias);
    EXPECT_EQ(layer.norm_epsilon, 1e-6);
    EXPECT_EQ(layer.norm_weight_offset, 0.0);
    EXPECT_EQ(layer.query_scale, 1.0 / std::sqrt(8.0));
    EXPECT_EQ(layer.soft_cap, 0.0);
    EXPECT_EQ(layer.window, 0);
    EXPECT_EQ(layer.rotary, 0);
    EXPECT_EQ(layer.activation, Activation::kSilu);
    EXPECT_EQ(layer.residual_multiplier, 1.0);
  }
  ASSERT_EQ(spec.rotary.size(), 1u);
  EXPECT_EQ(spec.rotary[0].width, 8);
  EXPECT_EQ(spec.rotary[0].theta, 5000.0);
  EXPECT_EQ(spec.embedding_multiplier, 1.0);
  EXPECT_THAT(not_trained(spec, small()), IsEmpty());
}

TEST(LayerSpec, BiasesNormsAndScalingAreTheConfigs) {
  ModelConfig config = small();
  config.qkv_bias = config.output_bias = config.mlp_bias = config.qk_norm = true;
  config.rope_scaling.kind = RopeScaling::Kind::kLinear;
  config.rope_scaling.factor = 4.0;
  const ModelSpec spec = plain_spec(config);
  const LayerSpec& layer = spec.layers[3];
  EXPECT_TRUE(layer.qkv_bias && layer.output_bias && layer.mlp_bias && layer.qk_norm);
  EXPECT_EQ(spec.rotary[0].scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(spec.rotary[0].scaling.factor, 4.0);
  EXPECT_THAT(not_trained(spec, config), IsEmpty());
}

TEST(LayerSpec, WhatTheConfigSaysOfLayersAndMultipliers) {
  ModelConfig config = small();
  config.windows = {128, 0, 128, 0};
  config.window_rope_theta = 700.0;
  config.layers_without_rotary = {3};
  config.rotary_width = 6;
  config.query_scale = 0.25;
  config.soft_cap = 50;
  config.norm_weight_offset = 1.0;
  config.embedding_multiplier = 12;
  config.residual_multiplier = 0.22;
  const ModelSpec spec = plain_spec(config);
  ASSERT_EQ(spec.rotary.size(), 2u);
  EXPECT_EQ(spec.rotary[0].width, 6);
  EXPECT_EQ(spec.rotary[1].width, 6);
  EXPECT_EQ(spec.rotary[1].theta, 700.0);
  EXPECT_EQ(spec.embedding_multiplier, 12);
  const int rotary[] = {1, 0, 1, kNoRotary};
  for (size_t i = 0; i < 4; ++i) {
    const LayerSpec& layer = spec.layers[i];
    EXPECT_EQ(layer.window, config.windows[i]);
    EXPECT_EQ(layer.rotary, rotary[i]);
    EXPECT_EQ(layer.query_scale, 0.25);
    EXPECT_EQ(layer.soft_cap, 50);
    EXPECT_EQ(layer.norm_weight_offset, 1.0);
    EXPECT_EQ(layer.residual_multiplier, 0.22);
  }
}

TEST(LayerSpec, WhatTrainingHasNotIsNamedWithItsValueAndLayers) {
  ModelSpec spec = plain_spec(small());
  EXPECT_THAT(not_trained(spec, small()), IsEmpty());
  spec.layers[0].window = spec.layers[1].window = spec.layers[3].window = 128;
  spec.layers[2].window = 512;  // as long as any prompt
  EXPECT_THAT(not_trained(spec, small()), ElementsAre("sliding window of 128 tokens in layers 0-1,3"));
  spec = plain_spec(small());
  spec.layers[2].soft_cap = 50;
  EXPECT_THAT(not_trained(spec, small()), ElementsAre("soft-cap of attention logits at 50 in layer 2"));
  spec = plain_spec(small());
  spec.rotary[0].scaling.kind = RopeScaling::Kind::kLongrope;
  EXPECT_THAT(not_trained(spec, small()), ElementsAre("longrope positions"));
}

TEST(LayerSpec, ExpertsAreOfTheLayersThatHaveThem) {
  ModelConfig config = small();
  config.experts = 16;
  config.experts_used = 4;
  config.expert_width = 24;
  config.shares_of_used = true;
  config.layers_without_experts = {1, 3};
  const ModelSpec spec = plain_spec(config);
  for (size_t i = 0; i < 4; ++i) {
    const LayerSpec& layer = spec.layers[i];
    EXPECT_EQ(layer.routed(), i % 2 == 0);
    EXPECT_EQ(has_tensor(layer, LayerTensor::kRouter), layer.routed());
    EXPECT_EQ(has_tensor(layer, LayerTensor::kExpertUp), layer.routed());
    EXPECT_EQ(has_tensor(layer, LayerTensor::kDown), !layer.routed());
  }
  EXPECT_EQ(spec.layers[2].experts_used, 4);
  EXPECT_TRUE(spec.layers[2].shares_of_used);
  EXPECT_THAT(shape_of(LayerTensor::kExpertDown, config), ElementsAre(16, 40, 24));
  EXPECT_THAT(not_trained(spec, config), ElementsAre("mixture of 16 experts in layers 0,2"));
  // Of the experts' values a token meets a quarter, of all others each.
  const int64_t attention = 2 * 48 * 40 + 2 * 16 * 40;
  EXPECT_EQ(matrix_values(spec.layers[0], config), attention + 16 * 40 + 16 * 3 * 40 * 24);
  EXPECT_EQ(met_values(spec.layers[0], config), attention + 16 * 40 + 4 * 3 * 40 * 24);
  EXPECT_EQ(met_values(spec.layers[1], config), matrix_values(spec.layers[1], config));
}

TEST(TensorRoles, ShapesAreReadOffLetters) {
  const ModelConfig config = small();
  EXPECT_THAT(shape_of(LayerTensor::kQuery, config), ElementsAre(48, 40));
  EXPECT_THAT(shape_of(LayerTensor::kValue, config), ElementsAre(16, 40));
  EXPECT_THAT(shape_of(LayerTensor::kOutput, config), ElementsAre(40, 48));
  EXPECT_THAT(shape_of(LayerTensor::kDown, config), ElementsAre(40, 96));
  EXPECT_THAT(shape_of(LayerTensor::kKeyBias, config), ElementsAre(16));
  EXPECT_THAT(shape_of(LayerTensor::kQueryNorm, config), ElementsAre(8));
  EXPECT_THAT(shape_of("V C", config), ElementsAre(320, 40));
}

TEST(TensorRoles, EveryRoleIsOfOneKind) {
  for (const TensorRole& role : tensor_roles()) {
    const bool is_matrix = role.kind == TensorKind::kMatrix;
    const size_t extents = is_by_expert(role.tensor) ? 3 : is_matrix ? 2 : 1;
    EXPECT_EQ(shape_of(role.tensor, small()).size(), extents) << role.shape;
    EXPECT_EQ(role.word.empty(), !role.adaptable) << role.shape;
    EXPECT_TRUE(is_matrix || !role.adaptable) << role.shape;
  }
}

TEST(TensorRoles, ALayersValuesAreThoseOfTheTensorsItHas) {
  const ModelConfig config = small();
  LayerSpec layer = plain_spec(config).layers.front();
  const int64_t matrices = 2 * 48 * 40 + 2 * 16 * 40 + 3 * 40 * 96;
  EXPECT_EQ(matrix_values(layer, config), matrices);
  EXPECT_EQ(layer_values(layer, config), matrices + 2 * 40);
  layer.qkv_bias = layer.qk_norm = true;
  EXPECT_EQ(matrix_values(layer, config), matrices);
  EXPECT_EQ(layer_values(layer, config), matrices + 2 * 40 + 48 + 16 + 16 + 2 * 8);
}

}  // namespace
}  // namespace headwise
