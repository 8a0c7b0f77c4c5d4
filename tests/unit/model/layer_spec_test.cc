// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

// From a model's shape to what its layers compute, and what is named when no pass computes it.
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
  EXPECT_THAT(not_computed(spec, small()), IsEmpty());
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
  EXPECT_THAT(not_computed(spec, config), IsEmpty());
}

TEST(LayerSpec, WhatNoPassComputesIsNamedWithItsValueAndLayers) {
  const auto named = [](const auto& change) {
    ModelSpec spec = plain_spec(small());
    change(spec);
    return not_computed(spec, small());
  };
  const auto in_layer_2 = [&](const auto& change) {
    return named([&](ModelSpec& spec) { change(spec.layers[2]); });
  };
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.norm_before_attention = false; }),
              ElementsAre("no norm before attention or the MLP in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.norm_after_attention = true; }),
              ElementsAre("norms after attention in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.norm_after_mlp = true; }),
              ElementsAre("norms after the MLP in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.query_scale = 0.25; }),
              ElementsAre("attention scale of 0.25, other than 1/sqrt(head width) in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.soft_cap = 50; }),
              ElementsAre("soft-cap of attention logits at 50 in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.rotary = kNoRotary; }),
              ElementsAre("no rotary positions in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.activation = Activation::kGeluTanh; }),
              ElementsAre("activation GELU (tanh) in layer 2"));
  EXPECT_THAT(in_layer_2([](LayerSpec& s) { s.residual_multiplier = 0.22; }),
              ElementsAre("residuals scaled by 0.22 in layer 2"));
  EXPECT_THAT(named([](ModelSpec& s) { s.embedding_multiplier = 12; }),
              ElementsAre("embeddings scaled by 12"));
  EXPECT_THAT(named([](ModelSpec& s) { s.rotary[0].width = 6; }),
              ElementsAre("rotary positions on 6 of 8 dimensions"));
  EXPECT_THAT(named([](ModelSpec& s) {
                s.layers[0].window = s.layers[1].window = s.layers[3].window = 128;
                s.layers[2].window = 512;  // as long as any prompt
              }),
              ElementsAre("sliding window of 128 tokens in layers 0-1,3"));
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
    EXPECT_EQ(shape_of(role.tensor, small()).size(), is_matrix ? 2u : 1u) << role.shape;
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
